import { UsageError } from "../../../protocol/errors.ts";

/** One value of a JSON document, and where it stands: `targets[0].luns[2].lun`. */
export class JsonValue {
  readonly #value: unknown;
  readonly path: string;

  constructor(value: unknown, path: string) {
    this.#value = value;
    this.path = path;
  }

  get missing(): boolean {
    return this.#value === undefined;
  }

  is(value: boolean | string | number): boolean {
    return this.#value === value;
  }

  /** @throws UsageError ISCSI_CONFIG: always */
  fail(must: string): never {
    const shown = this.missing ? "is missing" : `is ${JSON.stringify(this.#value)?.slice(0, 80)}`;
    throw new UsageError("ISCSI_CONFIG", `${this.path} ${shown}: it must be ${must}`);
  }

  /** The members of an object, all of whose names are among `names`. */
  object<Name extends string>(names: readonly Name[]): Readonly<Record<Name, JsonValue>> {
    const value = this.#value;
    if (typeof value !== "object" || value === null || Array.isArray(value)) this.fail("an object");
    const unknown = Object.keys(value).find((name) => !names.some((known) => known === name));
    if (unknown !== undefined) {
      throw new UsageError(
        "ISCSI_CONFIG",
        `${this.path} has a member "${unknown}": there may be ${names.join(", ")}`,
      );
    }
    const members = value as Readonly<Record<string, unknown>>;
    const entries = names.map((name) => [name, this.#member(name, members[name])] as const);
    return Object.fromEntries(entries) as Record<Name, JsonValue>;
  }

  #member(name: string, value: unknown): JsonValue {
    return new JsonValue(value, `${this.path}.${name}`);
  }

  array(): JsonValue[] {
    if (!Array.isArray(this.#value)) this.fail("an array");
    return this.#value.map((value, index) => new JsonValue(value, `${this.path}[${index}]`));
  }

  string(): string {
    if (typeof this.#value !== "string" || this.#value === "") this.fail("a string, not empty");
    return this.#value;
  }

  strings(): string[] {
    return this.array().map((value) => value.string());
  }

  boolean(): boolean {
    if (typeof this.#value !== "boolean") this.fail("true or false");
    return this.#value;
  }

  wholeNumber(min: number, max: number): number {
    const value = this.#value;
    if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
      this.fail(`a whole number from ${min} to ${max}`);
    }
    return value;
  }

  /** What `read` makes of it, or undefined where it is missing. */
  optional<Result>(read: (value: JsonValue) => Result): Result | undefined {
    return this.missing ? undefined : read(this);
  }
}
