// OpenAI's client for JavaScript: openai.mjs URL. Draws, streams, and asks once where asking again does not help.
import { createRequire } from "node:module";
import assert from "node:assert";

const OpenAI = createRequire(import.meta.url)("openai").default; // by NODE_PATH, which `import` does not read
const client = new OpenAI({ baseURL: `${process.argv[2]}/v1`, apiKey: "none" });
const small = { model: "gpt-image-1", prompt: "1girl, smile", size: "64x64", steps: 4, seed: 7 };
const isPng = (base64) => assert.equal(Buffer.from(base64, "base64").subarray(1, 4).toString(), "PNG");

const drawn = await client.images.generate(small);
isPng(drawn.data[0].b64_json);
assert.ok(drawn.usage.total_tokens > 0);

const kinds = [];
for await (const event of await client.images.generate({ ...small, stream: true, partial_images: 2 })) {
  kinds.push(event.type);
  if (event.type.endsWith("completed")) isPng(event.b64_json);
}
assert.equal(kinds.at(-1), "image_generation.completed");

assert.equal((await client.models.list()).data[0].object, "model");
await assert.rejects(client.images.generate({ ...small, size: "64x65" }), OpenAI.BadRequestError);
await assert.rejects(client.images.generate({ ...small, size: "16384x16384" }), (e) => e.status === 507);
