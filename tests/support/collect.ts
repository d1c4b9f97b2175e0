import { afterEach } from "bun:test";
import { collect } from "./engine.ts";

afterEach(collect);
