// Prompts that the embedded model draws well; large models draw them, too. They are the files of examples/prompts.
import aoi from "../../examples/prompts/aoi.xml";
import pair from "../../examples/prompts/pair.xml";
import tags from "../../examples/prompts/tags.txt";

export const examples: { [name: string]: string } = { aoi: aoi.trim(), pair: pair.trim(), tags: tags.trim() };

export const firstExample = examples["aoi"]!;
