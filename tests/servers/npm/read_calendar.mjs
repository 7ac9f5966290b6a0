// Read a calendar from standard input with ical.js (its folder is the argument), and print the event as JSON.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const { default: ICAL } = await import(pathToFileURL(join(process.argv[2], "dist", "ical.js")));
const calendar = new ICAL.Component(ICAL.parse(readFileSync(0, "utf8")));
for (const zone of calendar.getAllSubcomponents("vtimezone")) ICAL.TimezoneService.register(zone);
const component = calendar.getFirstSubcomponent("vevent");
const event = new ICAL.Event(component);
const person = (property) => [property.getFirstValue(), property.getFirstParameter("cn") ?? "", property.getFirstParameter("role") ?? ""];
console.log(JSON.stringify({
  method: calendar.getFirstPropertyValue("method"),
  uid: event.uid,
  sequence: event.sequence,
  summary: event.summary,
  location: event.location,
  description: event.description,
  start: event.startDate.toUnixTime(),
  end: event.endDate.toUnixTime(),
  wholeDays: event.startDate.isDate,
  organizer: person(component.getFirstProperty("organizer")),
  attendees: component.getAllProperties("attendee").map(person),
}));
