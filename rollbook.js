#!/usr/bin/env node
import { register } from "tsx/esm/api";

register();
const { main } = await import("./commands/rollbook.ts");
await main(process.argv);
