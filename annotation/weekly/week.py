"""A week: Monday to Monday in the installation's time zone, an hour longer or shorter where the
clocks change."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.utils import timezone

READY_HOUR = 7  # of Monday, when people are told of the week before
FIRST_YEAR, LAST_YEAR = 2000, 9999  # beyond them there are no weeks to reckon with


@dataclass(frozen=True)
class Week:
    """`monday` is its first day."""

    monday: date

    def __post_init__(self) -> None:
        if self.monday.weekday() != 0:
            raise ValueError("a week begins on a Monday")

    @property
    def start(self) -> datetime:
        return _midnight(self.monday)

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        return _midnight(self.monday + timedelta(days=7))

    @property
    def sunday(self) -> date:
        return self.monday + timedelta(days=6)

    @property
    def before(self) -> "Week":
        return Week(self.monday - timedelta(days=7))

    @property
    def ready(self) -> datetime:
        """When people are told that they can read about it."""
        return datetime.combine(self.end.date(), time(READY_HOUR), tzinfo=self.end.tzinfo)

    @property
    def is_over(self) -> bool:
        return self.end <= timezone.now()


def week_of(moment: datetime) -> Week:
    day = timezone.localtime(moment).date()
    return Week(day - timedelta(days=day.weekday()))


def last_week(now: datetime | None = None) -> Week:
    """The newest week that is over."""
    return week_of(now or timezone.now()).before


def read_week(text: str) -> Week | None:
    """The week of a date such as 2026-11-23; None for what is no Monday of a week that is over."""
    try:
        week = Week(date.fromisoformat(text))
    except ValueError:
        return None
    is_plain = text == week.monday.isoformat() and FIRST_YEAR <= week.monday.year < LAST_YEAR
    return week if is_plain and week.is_over else None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
