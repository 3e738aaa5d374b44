// Adapters named in a prompt are taken out of it, and what is left reads as if they had not been there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "generate/open_adapters.h"

namespace newbie::test {
namespace {

std::string left_of(const std::string& prompt) { return take_prompt_adapters(prompt).prompt; }

}  // namespace

TEST(PromptAdapters, LeaveAListOfTagsBehind) {
  EXPECT_EQ(left_of("1girl, smile"), "1girl, smile");
  EXPECT_EQ(left_of("1girl, <lora:a>, smile"), "1girl, smile");
  EXPECT_EQ(left_of("1girl <lora:a>, smile"), "1girl, smile");
  EXPECT_EQ(left_of("1girl<lora:a>, smile"), "1girl, smile");
  EXPECT_EQ(left_of("1girl <lora:a> smile"), "1girl smile");
  EXPECT_EQ(left_of("<lora:a>, 1girl"), "1girl");
  EXPECT_EQ(left_of("<lora:a> 1girl"), "1girl");
  EXPECT_EQ(left_of("1girl, <lora:a>"), "1girl");
  EXPECT_EQ(left_of("1girl, <lora:a><lora:b:0.5>, smile"), "1girl, smile");
  EXPECT_EQ(left_of("1girl, <lora:a> <lora:b>, smile"), "1girl, smile");
  EXPECT_EQ(left_of("<n>mei</n> <lora:a>\n<p>standing</p>"), "<n>mei</n> \n<p>standing</p>");
  EXPECT_EQ(left_of("<lora:a>"), "");
  EXPECT_EQ(left_of("1girl, <lora:a"), "1girl, <lora:a") << "no end, no adapter";
}

TEST(PromptAdapters, HaveNamesAndStrengths) {
  const PromptAdapters got = take_prompt_adapters("<lora:a> x <lora:b c:-0.5>");
  ASSERT_EQ(got.adapters.size(), 2U);
  EXPECT_EQ(got.adapters[0].name, "a");
  EXPECT_EQ(got.adapters[0].strength, 1);
  EXPECT_EQ(got.adapters[1].name, "b c");
  EXPECT_EQ(got.adapters[1].strength, -0.5);
  for (const char* wrong : {"<lora:>", "<lora:a:>", "<lora:a:much>", "<lora:a:0.5:0.5>", "<lora:a:nan>", "<lora::1>"})
    EXPECT_THROW(take_prompt_adapters(wrong), Error) << wrong;
}

}  // namespace newbie::test
