"""The clock of schedules: APScheduler's triggers and its scheduler."""

from genie.adapters.schedules.alarms import StoredAlarms
from genie.adapters.schedules.calendar import TriggerCalendar

__all__ = ["StoredAlarms", "TriggerCalendar"]
