import { expect, test } from "vitest";
import {
  SharedStatistics,
  statisticsOfAll,
  statisticsTable,
} from "../../../src/sdk/threads/shared-statistics.ts";

test("each thread counts for itself, and all are summed up", () => {
  const table = statisticsTable(2);
  const [one, other] = [new SharedStatistics(table, 0), new SharedStatistics(table, 1)];
  one.commands++;
  one.readBytes += 512;
  other.commands += 2;
  other.writtenBytes += 4096;
  expect([one.commands, one.readBytes, one.writtenBytes]).toEqual([1, 512, 0]);
  expect([other.commands, other.readBytes, other.writtenBytes]).toEqual([2, 0, 4096]);
  expect(statisticsOfAll(table)).toEqual({ commands: 3, readBytes: 512, writtenBytes: 4096 });
});
