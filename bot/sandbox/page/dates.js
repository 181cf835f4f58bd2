// Instants (UNIX seconds) as a person in a time zone reads them, and back.
// Pure functions: the reader's zone, clock style and "now" are arguments.

const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const DAY = 86400;
const SIX_MONTHS = 182 * DAY;
const formatters = new Map();

function formatter(tz) {
  if (!formatters.has(tz)) {
    formatters.set(
      tz,
      new Intl.DateTimeFormat("en-US", {
        timeZone: tz,
        hourCycle: "h23",
        year: "numeric",
        month: "numeric",
        day: "numeric",
        hour: "numeric",
        minute: "numeric",
        second: "numeric",
      }),
    );
  }
  return formatters.get(tz);
}

/** The wall clock of a zone at an instant; dayNumber counts days, for comparing dates. */
export function wallClock(epoch, tz) {
  const read = {};
  for (const { type, value } of formatter(tz).formatToParts(epoch * 1000))
    read[type] = Number(value);
  const { year, month, day, hour, minute, second } = read;
  const midnight = Date.UTC(year, month - 1, day) / 1000;
  return {
    year,
    month,
    day,
    hour,
    minute,
    second,
    dayNumber: midnight / DAY,
    weekday: new Date(midnight * 1000).getUTCDay(),
  };
}

/** UNIX seconds of a wall-clock date "YYYY-MM-DD" and time "HH:MM" in a zone. */
export function epochOf(date, time, tz) {
  const [year, month, day] = date.split("-").map(Number);
  const [hour, minute] = time.split(":").map(Number);
  const naive = Date.UTC(year, month - 1, day, hour, minute) / 1000;
  const guess = naive - offsetAt(naive, tz);
  return naive - offsetAt(guess, tz);
}

function offsetAt(epoch, tz) {
  const at = wallClock(epoch, tz);
  return at.dayNumber * DAY + at.hour * 3600 + at.minute * 60 + at.second - Math.floor(epoch);
}

/** "2026-11-24" of an instant in a zone. */
export function isoDate(epoch, tz) {
  const at = wallClock(epoch, tz);
  return `${String(at.year).padStart(4, "0")}-${pad(at.month)}-${pad(at.day)}`;
}

/** "22:05" of an instant in a zone, always on the 24-hour clock. */
export function isoTime(epoch, tz) {
  const at = wallClock(epoch, tz);
  return `${pad(at.hour)}:${pad(at.minute)}`;
}

/** "22:05" or "10:05 PM". */
export function clockTime(hour, minute, hour12) {
  if (!hour12) return `${pad(hour)}:${pad(minute)}`;
  return `${hour % 12 || 12}:${pad(minute)} ${hour < 12 ? "AM" : "PM"}`;
}

/** "Tue, Nov 24, 22:05": an instant in few characters, for the demo's clock. */
export function stamp(epoch, { tz, hour12 }) {
  const { weekday, month, day, hour, minute } = wallClock(epoch, tz);
  return `${DAYS[weekday].slice(0, 3)}, ${MONTHS[month - 1].slice(0, 3)} ${day}, ${clockTime(hour, minute, hour12)}`;
}

/** "November 24, 2026" from "2026-11-24", as date pickers show it. */
export function longDate(date) {
  const [year, month, day] = date.split("-").map(Number);
  return `${MONTHS[month - 1]} ${day}, ${year}`;
}

/**
 * Reads what somebody typed into a date picker: ISO, "Nov 24, 2026", "24 November 2026" or "11/24/2026".
 * Returns "YYYY-MM-DD", or null when it is no date.
 */
export function readDate(text) {
  const typed = text.trim();
  const iso = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(typed);
  if (iso) return checkedDate(Number(iso[1]), Number(iso[2]), Number(iso[3]));
  const slashes = /^(\d{1,2})\/(\d{1,2})\/(\d{4})$/.exec(typed);
  if (slashes) return checkedDate(Number(slashes[3]), Number(slashes[1]), Number(slashes[2]));
  const words = /^([a-z]{3,})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})$/i.exec(typed);
  if (words) return checkedDate(Number(words[3]), monthNumber(words[1]), Number(words[2]));
  const reversed = /^(\d{1,2}) ([a-z]{3,})\.? (\d{4})$/i.exec(typed);
  return (
    reversed && checkedDate(Number(reversed[3]), monthNumber(reversed[2]), Number(reversed[1]))
  );
}

function monthNumber(word) {
  return MONTHS.findIndex((name) => name.toLowerCase().startsWith(word.toLowerCase())) + 1;
}

function checkedDate(year, month, day) {
  const at = new Date(Date.UTC(year, month - 1, day));
  const real =
    at.getUTCFullYear() === year && at.getUTCMonth() === month - 1 && at.getUTCDate() === day;
  return real ? at.toISOString().slice(0, 10) : null;
}

/** Reads "22:00", "10 pm", "10:30pm" or "9"; returns "HH:MM", or null when it is no time. */
export function readTime(text) {
  const match = /^(\d{1,2})(?::(\d{2}))?\s*(am|pm)?$/i.exec(text.trim());
  if (!match) return null;
  const half = match[3]?.toLowerCase();
  let hour = Number(match[1]);
  if (half && (hour < 1 || hour > 12)) return null;
  if (half) hour = (hour % 12) + (half === "pm" ? 12 : 0);
  const minute = Number(match[2] ?? 0);
  return hour < 24 && minute < 60 ? `${pad(hour)}:${pad(minute)}` : null;
}

/** "November 2026". */
export function monthTitle(year, month) {
  return `${MONTHS[month - 1]} ${year}`;
}

/**
 * Fills a Slack date format such as "{date_short_pretty} {time}" for a reader
 * {tz, locale, hour12, now}. A token Slack does not know gives null: the fallback is shown then.
 */
export function formatDate(epoch, format, reader) {
  let known = true;
  const text = format.replace(/\{(\w+)\}/g, (_, token, index) => {
    const make = (reader.locale?.startsWith("zh") && CHINESE[token]) || TOKENS[token];
    if (!make) known = false;
    return make ? make(new Moment(epoch, reader, index === 0)) : "";
  });
  return known ? text : null;
}

class Moment {
  constructor(epoch, reader, leading) {
    this.at = wallClock(epoch, reader.tz);
    this.today = wallClock(reader.now, reader.tz);
    this.distance = epoch - reader.now;
    this.hour12 = reader.hour12;
    this.leading = leading;
  }

  /** The year is left out of dates less than six months away. */
  year(separator) {
    return Math.abs(this.distance) < SIX_MONTHS ? "" : `${separator}${this.at.year}`;
  }

  get month() {
    return MONTHS[this.at.month - 1];
  }

  get weekday() {
    return DAYS[this.at.weekday];
  }

  /** today, yesterday or tomorrow (a capital first when it begins the text), else otherwise(). */
  pretty(otherwise) {
    const word = { "-1": "yesterday", 0: "today", 1: "tomorrow" }[
      this.at.dayNumber - this.today.dayNumber
    ];
    if (!word) return otherwise(this);
    return this.leading ? word[0].toUpperCase() + word.slice(1) : word;
  }
}

const TOKENS = {
  date_num: ({ at }) => `${at.year}-${pad(at.month)}-${pad(at.day)}`,
  date_slash: ({ at }) => `${pad(at.month)}/${pad(at.day)}/${at.year}`,
  date: (m) => `${m.month} ${ordinal(m.at.day)}${m.year(", ")}`,
  date_short: (m) => `${m.month.slice(0, 3)} ${m.at.day}${m.year(", ")}`,
  date_long: (m) => `${m.weekday}, ${m.month} ${ordinal(m.at.day)}${m.year(", ")}`,
  date_long_full: (m) => `${m.month} ${m.at.day}, ${m.at.year}`,
  date_pretty: (m) => m.pretty(TOKENS.date),
  date_short_pretty: (m) => m.pretty(TOKENS.date_short),
  date_long_pretty: (m) => m.pretty(TOKENS.date_long),
  day_divider_pretty: (m) => m.pretty(dividerDate),
  time: (m) => clockTime(m.at.hour, m.at.minute, m.hour12),
  time_secs: (m) =>
    clockTime(m.at.hour, m.at.minute, m.hour12).replace(/^(\d+:\d+)/, `$1:${pad(m.at.second)}`),
  ago: (m) => relative(m.distance),
};

/** Those that read otherwise in Chinese; Slack writes them in the reader's language. */
const CHINESE = {
  date: (m) => chineseDate(m),
  date_short: (m) => chineseDate(m),
  date_long: (m) => `${chineseDate(m)}星期${"日一二三四五六"[m.at.weekday]}`,
  date_pretty: (m) => chineseDay(m),
  date_short_pretty: (m) => chineseDay(m),
  date_long_pretty: (m) => chineseDay(m),
};

function chineseDate(m) {
  const year = m.year("");
  return `${year && `${year}年`}${m.at.month}月${m.at.day}日`;
}

function chineseDay(m) {
  const near = { "-1": "昨天", 0: "今天", 1: "明天" };
  return near[m.at.dayNumber - m.today.dayNumber] ?? chineseDate(m);
}

function dividerDate({ at, today, weekday, month }) {
  const year = at.year === today.year ? "" : `, ${at.year}`;
  return `${weekday}, ${month} ${ordinal(at.day)}${year}`;
}

/** "3 minutes ago" or "in 2 days", from seconds relative to now. */
export function relative(distance) {
  const seconds = Math.abs(distance);
  const units = [
    ["year", 365 * DAY],
    ["month", 30 * DAY],
    ["day", DAY],
    ["hour", 3600],
    ["minute", 60],
  ];
  const [name, size] = units.find(([, length]) => seconds >= length) ?? [null, 1];
  if (!name) return distance > 0 ? "in a few seconds" : "a few seconds ago";
  const count = Math.floor(seconds / size);
  const text = `${count} ${name}${count === 1 ? "" : "s"}`;
  return distance > 0 ? `in ${text}` : `${text} ago`;
}

function ordinal(day) {
  const teen = day % 100 > 10 && day % 100 < 14;
  return `${day}${teen ? "th" : ({ 1: "st", 2: "nd", 3: "rd" }[day % 10] ?? "th")}`;
}

function pad(number) {
  return String(number).padStart(2, "0");
}
