"""An appointment → an iCalendar file (RFC 5545); the only import of the calendar library.

Calendars leave the trust space with the telephone they lie on: a file says what, where and when,
never for whom, nor who wrote it. Its UID is the same at every writing, so that it replaces itself.
"""

from datetime import UTC, datetime, tzinfo

from icalendar import Calendar, Event, vText

from engine.model.summary import Appointment

_PRODUCT = "-//Relais//FR"


def ics(appointment: Appointment, *, uid: str, now: datetime, zone: tzinfo) -> bytes:
    """Write one VCALENDAR with one VEVENT. ``zone`` is that of the hour on the appointment, which
    is written in UTC; without an hour it fills its day.

    Raises ValueError for an appointment that is still to be booked.
    """
    if appointment.day is None:
        raise ValueError("the appointment has no day")
    event = Event()
    event.add("uid", uid)
    event.add("dtstamp", now.astimezone(UTC))
    if appointment.hour is None:
        event.add("dtstart", appointment.day)
    else:
        local = datetime.combine(appointment.day, appointment.hour, zone)
        event.add("dtstart", local.astimezone(UTC))
    event.add("summary", vText(appointment.label))
    if appointment.place:
        event.add("location", vText(appointment.place))
    if appointment.phone:
        event.add("contact", vText(appointment.phone))
    event.add("class", "CONFIDENTIAL")
    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add_component(event)
    return bytes(calendar.to_ical())
