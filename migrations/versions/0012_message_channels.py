"""Messages by the socket of an agent's program."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_CHANNELS = "channel in ('stream', 'type', 'paste', 'socket', 'inbox', 'queue', 'stdin')"


def upgrade() -> None:
    op.drop_constraint("messages_channel", "messages", type_="check")
    op.create_check_constraint("messages_channel", "messages", _CHANNELS)
