import { CsvError, parse } from "csv-parse/sync";
import type { ByteSource } from "../engine/nn/bytes.ts";
import { readText } from "./bytes.ts";
import type { FileRecord } from "./records.ts";

/**
 * The records of a CSV text (RFC 4180) with a head line, each with the line it begins in. A cell that holds a
 * JSON list of texts or objects, such as chat messages, becomes that list.
 */
export async function* readCsv(source: ByteSource, delimiter: string): AsyncGenerator<FileRecord> {
  const [head, ...rows] = parseRows(source.name, await readText(source), delimiter);
  if (!head) return;
  const names = head.record;
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated !== undefined) {
    throw new Error(`${source.name}:1: two columns are named "${repeated}"; rename one`);
  }
  for (const { record, info } of rows) {
    const id = `${source.name}:${info.lines - lineEnds(record)}`;
    if (record.length === names.length) {
      yield { id, value: Object.fromEntries(names.map((name, i) => [name, cellValue(record[i])])) };
    } else {
      const bad = `${record.length} cells, but the head line names ${names.length} columns; ` +
        "a cell with commas or line ends needs double quotes";
      yield { id, bad };
    }
  }
}

interface Row {
  record: string[];
  /** `lines` is the number of the row's last line. */
  info: { lines: number };
}

function parseRows(name: string, text: string, delimiter: string): Row[] {
  const options = {
    delimiter: delimiterOf(text, delimiter),
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
  };
  try {
    return parse(text, options) as unknown as Row[];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new Error(`Cannot read ${name} as CSV: ${error.message}`, { cause: error });
  }
}

/** Where a comma is the decimal sign, spreadsheets part cells by semicolons. */
function delimiterOf(text: string, expected: string): string {
  const [head] = text.split("\n", 1);
  return expected === "," && !head.includes(",") && head.includes(";") ? ";" : expected;
}

function lineEnds(record: readonly string[]): number {
  return record.reduce((sum, cell) => sum + cell.split("\n").length - 1, 0);
}

function cellValue(cell: string): unknown {
  if (!/^\s*\[\s*["{]/.test(cell)) return cell;
  try {
    return JSON.parse(cell);
  } catch {
    return cell; // a text that happens to begin so
  }
}
