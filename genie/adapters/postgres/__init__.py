"""The registry on PostgreSQL: tables, transactions, the feed of events, migrations, an embedded server."""
