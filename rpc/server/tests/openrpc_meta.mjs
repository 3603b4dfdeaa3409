// Is spec/openrpc.json an OpenRPC document? Judged by OpenRPC's own meta-schema, with nothing of ours in between.
// Run: npm install && node openrpc_meta.mjs [http://127.0.0.1:4802]. With a URL, what that node answers to rpc.discover is judged too.
import { readFileSync } from "node:fs";
import Ajv from "ajv";
import jsonSchema from "@json-schema-tools/meta-schema";
import openrpc from "@open-rpc/meta-schema";

const ajv = new Ajv({ strict: false, allErrors: true, logger: false });
ajv.addSchema(jsonSchema.default ?? jsonSchema, "https://meta.json-schema.tools");
const isOpenrpc = ajv.compile(openrpc.default ?? openrpc);
const isSchema = new Ajv({ strict: false, validateFormats: false });

function judge(name, document) {
  const wrong = [];
  if (!isOpenrpc(document)) wrong.push(...isOpenrpc.errors.map((e) => `${e.instancePath} ${e.message}`));
  // The meta-schema does not follow references or compile schemas; a client generator does both.
  const text = JSON.stringify(document);
  for (const [, path] of text.matchAll(/"\$ref":"([^"]+)"/g)) {
    const found = path.slice(2).split("/").reduce((at, key) => at?.[key], document);
    if (!path.startsWith("#/") || found === undefined) wrong.push(`nothing is at ${path}`);
  }
  isSchema.addSchema(document, name);
  for (const key of Object.keys(document.components.schemas)) {
    try {
      isSchema.compile({ $ref: `${name}#/components/schemas/${key}` });
    } catch (error) {
      wrong.push(`schema ${key}: ${error.message}`);
    }
  }
  console.log(`${name}: ${document.methods?.length} methods, ${wrong.length} mistakes`);
  wrong.forEach((line) => console.log(`  ${line}`));
  return wrong.length === 0;
}

const file = new URL("../../../spec/openrpc.json", import.meta.url);
let good = judge("spec-openrpc.json", JSON.parse(readFileSync(file)));
if (process.argv[2]) {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "rpc.discover" });
  const answer = await fetch(process.argv[2], { method: "POST", headers: { "content-type": "application/json" }, body });
  good = judge("node", (await answer.json()).result) && good;
}
// A judge that finds nothing wrong in anything would be worth nothing.
const broken = { openrpc: "1.3.2", info: {}, methods: [{ name: 1 }] };
if (isOpenrpc(broken)) {
  console.log("the meta-schema accepted a broken document");
  good = false;
}
process.exit(good ? 0 : 1);
