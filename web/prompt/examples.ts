// Prompts that the embedded model draws well; large models draw them, too.
export const examples: { [name: string]: string } = {
  aoi: `<character_1>
<n>aoi</n>
<gender>1girl</gender>
<appearance>blue_hair, long_straight_hair</appearance>
<clothing>white_dress</clothing>
<expression>laughing, one_eye_closed, raised_eyebrows</expression>
</character_1>
<general_tags>
<count>1girl</count>
<style>toon_head</style>
<background>yellow_background</background>
</general_tags>`,
  curly: `<character_1>
<gender>1girl</gender>
<appearance>aqua_hair, curly_bob, tan</appearance>
<expression>teeth, happy_eyes</expression>
</character_1>
<general_tags>
<count>1girl</count>
<style>big_smile</style>
<background>yellow_background</background>
</general_tags>`,
  tags: "1girl, orange_hair, bob_cut, smile, glasses, blue_background",
};

export const firstExample = examples["aoi"]!;
