import { perf, qemu } from "../iscsi/loads.ts";

export const MODES: readonly { readonly name: string; readonly options: readonly string[] }[] = [
  { name: "through the page cache (default)", options: [] },
  { name: "`-c` (NV cache)", options: ["-c"] },
  { name: "`-t` (write-through)", options: ["-t"] },
  { name: "`-o` (O_DIRECT)", options: ["-o"] },
  { name: "`-o -t`", options: ["-o", "-t"] },
  { name: "`-n` (no I/O)", options: ["-n"] },
];

const write = ["-w", "-d", "16", "-s", "4096"];

export const MODE_LOADS = [
  {
    name: "4 KiB random reads, depth 32",
    run: (url: string) => perf(url, 8, ["-m", "32", "-r"]),
  },
  { name: "4 KiB writes, depth 16", run: (url: string) => qemu(url, 20_000, write) },
  {
    name: "the same, a flush every 16",
    run: (url: string) => qemu(url, 3000, [...write, "--flush-interval=16"]),
  },
  {
    name: "1 MiB reads, depth 8 (MiB/s)",
    run: (url: string) => perf(url, 2048, ["-m", "8"]),
  },
] as const;
