"""Programs for working on genie."""
