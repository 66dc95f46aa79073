/**
 * Whether an initiator's name fits a pattern of a group, by SCST's rules: `*` is any characters,
 * `?` is one, upper and lower case are the same. The first `!` negates what follows it: `!abc*`
 * is every name that does not begin with abc, `host!-old` every name that begins with host and
 * does not go on as `-old`. Something has to follow there, or the name does not fit.
 */
export function fitsPattern(name: string, pattern: string): boolean {
  const text = name.toLowerCase();
  const glob = pattern.toLowerCase();
  const negation = glob.indexOf("!");
  if (negation < 0) return fits(text, glob);
  const end = shortestBeginning(text, glob.slice(0, negation).split("*"));
  return end >= 0 && end < text.length && !fits(text.slice(end), glob.slice(negation + 1));
}

/** `!` is a character like others here. */
function fits(text: string, glob: string): boolean {
  const segments = glob.split("*");
  const last = segments.pop() as string;
  const start = text.length - last.length;
  if (segments.length === 0) return start === 0 && fitsAt(text, last, 0);
  const end = shortestBeginning(text, segments);
  return end >= 0 && end <= start && fitsAt(text, last, start);
}

/** Where the shortest beginning ends that the segments, with anything in between, fit; or -1. */
function shortestBeginning(text: string, segments: readonly string[]): number {
  const [first = "", ...others] = segments;
  if (!fitsAt(text, first, 0)) return -1;
  let end = first.length;
  for (const segment of others) {
    const found = find(text, segment, end);
    if (found < 0) return -1;
    end = found + segment.length;
  }
  return end;
}

function find(text: string, segment: string, from: number): number {
  for (let at = from; at + segment.length <= text.length; at++) {
    if (fitsAt(text, segment, at)) return at;
  }
  return -1;
}

function fitsAt(text: string, segment: string, at: number): boolean {
  if (at + segment.length > text.length) return false;
  for (let i = 0; i < segment.length; i++) {
    if (segment[i] !== "?" && segment[i] !== text[at + i]) return false;
  }
  return true;
}
