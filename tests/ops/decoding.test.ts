import { checkFamily } from "../support/check.ts";

checkFamily("decoding");
