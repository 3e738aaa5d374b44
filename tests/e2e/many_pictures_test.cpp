// Many pictures in one run: tables, grids of two fields, going on, and one run on several machines.
#include <gmock/gmock.h>

#include <fstream>

#include "core/json.h"
#include "e2e/pictures.h"
#include "e2e/run_program.h"
#include "unit/core/temporary_folder.h"

namespace newbie::e2e {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class ManyPictures : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) { std::ofstream(folder_ / name) << text; }
  Outcome draw(std::vector<std::string> more, std::map<std::string, std::string> environment = {}) const {
    std::vector<std::string> all{"generate", "-W", "32", "-H", "32", "--steps", "2"};
    all.insert(all.end(), more.begin(), more.end());
    return run({.arguments = all, .environment = std::move(environment), .folder = folder_.path()});
  }
  std::string bytes(const std::string& name) const { return file_bytes(folder_ / name); }

  TemporaryFolder folder_;
};

TEST_F(ManyPictures, ATableOfRequests) {
  write("list.csv", "prompt,steps,seed,output\n\"1girl, smile\",3,7,\n1boy,,,b.png\n");
  const Outcome o = draw({"--prompts", "list.csv", "--report", "done.csv", "-o", "%d.png"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(names_in(folder_.path()), ElementsAre("0.png", "b.png", "done.csv", "list.csv"));
  const Json first = parse_json(text_of(picture(folder_ / "0.png"), "newbie"), "picture");
  EXPECT_EQ(first["prompt"], "1girl, smile");
  EXPECT_EQ(first["steps"], 3);
  EXPECT_EQ(first["seed"], 7);
  EXPECT_THAT(bytes("done.csv"), testing::MatchesRegex("picture,path,[^\n]*\n0,0.png,list.csv:2,7,32,32,[^\n]*\n"
                                                       "1,b.png,list.csv:3,0,32,32,[^\n]*\n"));
  write("bad.csv", "prompt,steps\na,many\n");
  const Outcome bad = draw({"--prompts", "bad.csv"});
  EXPECT_EQ(bad.exit_code, 2);
  EXPECT_THAT(bad.err, HasSubstr("bad.csv:2"));
}

TEST_F(ManyPictures, TheFirstRowOfATableIsChecked) {
  for (const auto& [head, message] : {std::pair{"prompt,steps,steps", "key \"steps\" comes twice"},
                                      {"prompt,cfg,cfg-scale", "\"cfg-scale\" comes twice"},
                                      {"prompt,output,output", "key \"output\" comes twice"},
                                      {"prompt,stepz", "unknown key \"stepz\""}}) {
    write("bad.csv", std::string(head) + "\na,1,2\n");
    const Outcome o = draw({"--prompts", "bad.csv", "--keep-going"});
    EXPECT_EQ(o.exit_code, 2) << head;
    EXPECT_THAT(o.err, testing::AllOf(HasSubstr("bad.csv:1: "), HasSubstr(message))) << head;
  }
  write("bad.jsonl", "{\"prompt\": \"a\", \"cfg-scale\": 2, \"cfg\": 3}\n");
  EXPECT_THAT(draw({"--prompts", "bad.jsonl"}).err, HasSubstr("\"cfg\" comes twice"));
  EXPECT_THAT(names_in(folder_.path()), ElementsAre("bad.csv", "bad.jsonl"));
  write("good.csv", "prompt,steps,,\na,1,,\n");  // as spreadsheets leave it
  EXPECT_EQ(draw({"--prompts", "good.csv", "-o", "a.png"}).exit_code, 0);
}

TEST_F(ManyPictures, NamesOfALineStayInTheFolder) {
  write("list.jsonl", R"({"prompt": "1girl", "output": "girl.png"}
{"prompt": "1boy"}
)");
  for (const char* output : {"new/", "new", "new/%03d.png"}) {
    const Outcome o = draw({"--prompts", "list.jsonl", "-o", output});
    ASSERT_EQ(o.exit_code, 0) << o.err;
    EXPECT_THAT(names_in(folder_.path()), ElementsAre("list.jsonl", "new")) << output;
    EXPECT_THAT(names_in(folder_ / "new"), Contains("girl.png")) << output;
    fs::remove_all(folder_ / "new");
    fs::create_directory(folder_ / "new");
  }
  const std::string outside = (folder_ / "esc.png").string();
  for (const std::string& name : {std::string("../esc.png"), std::string("a/../../esc.png"), outside}) {
    write("bad.jsonl", "{\"prompt\": \"a\", \"output\": \"" + name + "\"}\n");
    for (const char* output : {"new/", "%d.png"}) {
      const Outcome o = draw({"--prompts", "bad.jsonl", "-o", output});
      EXPECT_EQ(o.exit_code, 2) << name;
      EXPECT_THAT(o.err, testing::AllOf(HasSubstr("bad.jsonl:1: "), HasSubstr(name + " leads out of"))) << name;
    }
  }
  EXPECT_THAT(names_in(folder_.path()), ElementsAre("bad.jsonl", "list.jsonl", "new"));
}

TEST_F(ManyPictures, AListFromStandardInput) {
  const Outcome o = run({.arguments = {"generate", "-W", "16", "-H", "16", "--prompts", "-", "-o", "%d.png"},
                         .standard_input = "1girl\n{\"prompt\": \"1boy\", \"steps\": 2}\n",
                         .folder = folder_.path()});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(names_in(folder_.path()), ElementsAre("0.png", "1.png"));
  const Outcome twice = draw({"--prompts", "-", "-p", "-"});
  EXPECT_EQ(twice.exit_code, 2);
  EXPECT_THAT(twice.err, HasSubstr("standard input"));
}

TEST_F(ManyPictures, WithoutMetadata) {
  ASSERT_EQ(draw({"-p", "a", "--no-metadata", "-o", "a.png"}).exit_code, 0);
  EXPECT_TRUE(picture(folder_ / "a.png").texts.empty());
  ASSERT_EQ(draw({"-p", "a", "-o", "b.png"}).exit_code, 0);
  EXPECT_EQ(picture(folder_ / "a.png").image.pixels, picture(folder_ / "b.png").image.pixels);
  EXPECT_EQ(draw({"-p", "a", "--no-metadata", "--skip-existing", "-o", "b.png"}).exit_code, 2);
}

TEST_F(ManyPictures, AGridOfTwoFields) {
  const Outcome o = draw({"-p", "1girl", "--grid-x", "steps=1,2,3", "--grid-y", "cfg-scale=3,4.5", "-o", "g/"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(names_in(folder_ / "g"),
              ElementsAre("000.png", "001.png", "002.png", "003.png", "004.png", "005.png", "grid.png"));
  const Json last = parse_json(text_of(picture(folder_ / "g/005.png"), "newbie"), "picture");
  EXPECT_EQ(last["steps"], 3);
  EXPECT_EQ(last["cfg"], 4.5);
  // The sheet holds the very pictures.
  const Image sheet = picture(folder_ / "g/grid.png").image, one = picture(folder_ / "g/004.png").image;
  EXPECT_GT(sheet.width, 3 * 32);
  EXPECT_GT(sheet.height, 2 * 32);
  bool is_there = false;
  for (int y = 0; y + 32 <= sheet.height && !is_there; ++y)
    for (int x = 0; x + 32 <= sheet.width && !is_there; ++x) {
      is_there = true;
      for (int row = 0; row < 32 && is_there; ++row)
        is_there = std::equal(one.pixels.begin() + row * 96, one.pixels.begin() + (row + 1) * 96,
                              sheet.pixels.begin() + ((y + row) * sheet.width + x) * 3);
    }
  EXPECT_TRUE(is_there);

  for (const auto& [axis, message] : {std::pair{"stepz=1,2", "did you mean"},
                                      {"steps=1,many", "whole number"},
                                      {"steps", "FIELD=A,B,C"},
                                      {"seed=-1", "random"},
                                      {"batch=1,2", "cannot differ"},
                                      {"batch-count=1,2", "cannot differ"}}) {
    const Outcome bad = draw({"-p", "a", "--grid-x", axis});
    EXPECT_EQ(bad.exit_code, 2) << axis;
    EXPECT_THAT(bad.err, HasSubstr(message));
  }
  EXPECT_EQ(draw({"-p", "a", "--grid-x", "steps=1", "--grid-y", "steps=2"}).exit_code, 2);
}

TEST_F(ManyPictures, GoingOnAfterALineThatCannotBeDrawn) {
  write("list.jsonl",
        "{\"prompt\": \"a\"}\n{\"prompt\": \"b\", \"width\": 33}\n{\"prompt\": \"c\", \"steps\": -4}\n{\"prompt\": "
        "\"d\"}\n");
  EXPECT_EQ(draw({"--prompts", "list.jsonl", "-o", "no/"}).exit_code, 2);
  EXPECT_FALSE(fs::exists(folder_ / "no"));
  const Outcome o = draw({"--prompts", "list.jsonl", "--keep-going", "--report", "r.jsonl", "-o", "out/"});
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_THAT(o.err, HasSubstr("2 of 4 pictures were not drawn; the first: list.jsonl:2"));
  EXPECT_THAT(names_in(folder_ / "out"), ElementsAre("000.png", "003.png"));
  const std::string report = bytes("r.jsonl");
  EXPECT_THAT(report,
              HasSubstr("\"picture\":2,\"path\":\"out/002.png\",\"line\":\"list.jsonl:3\",\"seed\":0,\"error\""));
  EXPECT_THAT(report, HasSubstr("{\"summary\":{\"drawn\":2,\"was_there\":0,\"failed\":2}}"));
}

TEST_F(ManyPictures, WhatIsThereFromTheSameRequestIsLeftOut) {
  write("list.txt", "a\nb\nc\n");
  ASSERT_EQ(draw({"--prompts", "list.txt", "-b", "2", "-o", "out/"}).exit_code, 0);
  const std::string whole = bytes("out/003.png");
  fs::remove(folder_ / "out/003.png");
  write("out/004.png", whole.substr(0, whole.size() / 2));  // cut in half
  const Outcome o = draw({"--prompts", "list.txt", "-b", "2", "--skip-existing", "--json", "-o", "out/"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const Json json = parse_json(o.out, "standard output");
  EXPECT_EQ(json["were_there"], 4);
  ASSERT_EQ(json["files"].size(), 2u);
  EXPECT_EQ(json["files"][0]["path"], "out/003.png");
  EXPECT_EQ(json["files"][1]["path"], "out/004.png");
  EXPECT_EQ(bytes("out/003.png"), whole);  // drawn alone: the same bytes
  EXPECT_THAT(o.err, HasSubstr("out/004.png will be replaced"));
  // Another request is no reason to leave one out.
  const Outcome other = draw({"--prompts", "list.txt", "--cfg-scale", "3", "--skip-existing", "--json", "-o", "out/"});
  EXPECT_EQ(parse_json(other.out, "standard output")["files"].size(), 3u);
}

TEST_F(ManyPictures, SharesOfARunMakeTheWholeOfIt) {
  write("list.txt", "a\nb\nc\n");
  const std::vector<std::string> list{"--prompts", "list.txt", "-b", "2", "-o"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), list.begin(), list.end());
    return more;
  };
  ASSERT_EQ(draw(with({"whole/"})).exit_code, 0);
  ASSERT_EQ(draw(with({"out/", "--shard", "1/2"})).exit_code, 0);
  const auto merge = [&](std::vector<std::string> more) {
    more.insert(more.begin(), "merge-reports");
    return run({.arguments = more, .folder = folder_.path()});
  };
  const Outcome half = merge({"out"});
  EXPECT_EQ(half.exit_code, 1);
  EXPECT_THAT(half.out, HasSubstr("missing: 1, 3, 5"));
  const Outcome second =
      draw(with({"out/", "--shard", "auto", "-v"}), {{"OMPI_COMM_WORLD_RANK", "1"}, {"OMPI_COMM_WORLD_SIZE", "2"}});
  ASSERT_EQ(second.exit_code, 0) << second.err;
  EXPECT_THAT(second.err, HasSubstr("shard 2 of 2, by Open MPI"));
  for (const char* name : {"000.png", "001.png", "002.png", "003.png", "004.png", "005.png"})
    EXPECT_EQ(bytes(std::string("out/") + name), bytes(std::string("whole/") + name)) << name;
  const Outcome merged = merge({"out", "-o", "all.csv"});
  EXPECT_EQ(merged.exit_code, 0) << merged.out;
  EXPECT_THAT(merged.out, HasSubstr("6 of 6 pictures in 2 reports"));
  EXPECT_TRUE(fs::exists(folder_ / "all.csv"));
  fs::copy_file(folder_ / "out/000.png", folder_ / "out/001.png", fs::copy_options::overwrite_existing);
  EXPECT_THAT(merge({"out"}).out, HasSubstr("001.png is not the file of the report"));
  EXPECT_EQ(merge({"out", "--no-files"}).exit_code, 0);

  // More shares than pictures is fine; a random seed is another one everywhere.
  EXPECT_EQ(draw({"-p", "a", "--shard", "3/3", "-o", "x/"}).exit_code, 0);
  EXPECT_THAT(draw({"-p", "a", "-s", "-1", "--shard", "1/2", "-o", "x/"}).err, HasSubstr("random seed"));
}

}  // namespace
}  // namespace newbie::e2e
