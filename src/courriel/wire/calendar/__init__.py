"""Invitations of calendars in mail (iCalendar RFC 5545, iTIP RFC 5546, iMIP RFC 6047), by the library icalendar."""
