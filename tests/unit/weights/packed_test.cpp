// Files of prepared weights: read back as written, at whole pages, and refused when anything of them is not so.
#include "weights/formats/packed.h"

#include <gtest/gtest.h>

#include <cstring>

#include "core/files.h"
#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"
#include "unit/weights/file_bytes.h"

namespace newbie {
namespace {

const std::string kKey = "whose weights these are";

std::string content(char fill, size_t bytes) { return std::string(bytes, fill); }

// Two pages and a byte, less than a page, and a whole one.
const std::vector<std::pair<std::string, std::string>> kWeights = {
    {"b|BF16|layout", content('b', 2 * kPackedAlignment + 1)},
    {"a|F32|", content('a', 5)},
    {"c", content('c', kPackedAlignment)}};

void write(const std::filesystem::path& path) {
  std::vector<PackedWeight> weights;
  for (const auto& [name, bytes] : kWeights)
    weights.push_back({name, bytes.size(), [&bytes] { return reinterpret_cast<const std::byte*>(bytes.data()); }});
  write_packed_file(path, kKey, weights);
}

TEST(PackedFile, WhatIsWrittenIsReadBackAtWholePages) {
  const TemporaryFolder folder;
  write(folder / "w");
  const PackedFile file(folder / "w", kKey);
  ASSERT_EQ(file.entries().size(), kWeights.size());
  for (const SafetensorsEntry& entry : file.entries()) {
    const std::span<const std::byte> bytes = file.bytes(entry);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(bytes.data()) % kPackedAlignment, 0u) << entry.name;
    EXPECT_EQ(bytes.size() % kPackedAlignment, 0u) << entry.name;
    const auto known = kWeights.begin() + (&entry - file.entries().data());  // in the order they were given
    EXPECT_EQ(PackedFile::weight_of(entry), known->first);
    EXPECT_EQ(as_text(bytes.first(known->second.size())), known->second);
  }
  file.check_intact();
}

TEST(PackedFile, EveryChangedWeightIsRefused) {
  const TemporaryFolder folder;
  write(folder / "w");
  const std::string whole = read_file(folder / "w", SIZE_MAX);
  for (size_t back = 1; back < whole.size(); back += 777) {
    std::string changed = whole;
    changed[whole.size() - back] = static_cast<char>(changed[whole.size() - back] ^ 0x40);
    put_file(folder / "w", changed);
    if (back <= kPackedAlignment - 64) continue;  // what fills the last page up is nobody's
    EXPECT_THROW(PackedFile(folder / "w", kKey), Error) << back;
  }
}

// A file that is known by its stamp is not read through again.
TEST(PackedFile, AKnownFileIsTaken) {
  const TemporaryFolder folder;
  write(folder / "w");
  const std::string whole = read_file(folder / "w", SIZE_MAX);
  const std::string contents = whole.substr(whole.size() - kPackedAlignment, 64);
  std::string changed = whole;
  changed[whole.size() - kPackedAlignment - 1] ^= 1;
  put_file(folder / "w", changed);
  const FileStamp stamp = MappedFile(folder / "w").stamp();
  put_file(folder / "hashes.json", fmt::format(R"({{"sha256":{{"{} {} {} {} {}":"{}"}}}})", stamp.device, stamp.inode,
                                               stamp.bytes, stamp.modified_ns, stamp.changed_ns, contents));
  KeptHashes kept(folder / "hashes.json");
  EXPECT_NO_THROW(PackedFile(folder / "w", kKey, &kept));
  EXPECT_ERROR(PackedFile(folder / "w", kKey), ErrorKind::BadFile, "not those that were written");
}

TEST(PackedFile, AnotherKeyIsRefused) {
  const TemporaryFolder folder;
  write(folder / "w");
  EXPECT_ERROR(PackedFile(folder / "w", "another's"), ErrorKind::BadFile, "of another's, got those of whose");
}

TEST(PackedFile, AnotherFormatIsRefused) {
  const TemporaryFolder folder;
  put_file(folder / "w", safetensors_bytes(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})"));
  EXPECT_ERROR(PackedFile(folder / "w", kKey), ErrorKind::BadFile,
               "expected prepared weights, version 2, got version ''");
  put_file(folder / "w", "");
  EXPECT_ERROR(PackedFile(folder / "w", kKey), ErrorKind::BadFile, "w");
}

TEST(PackedFile, EveryCutIsRefused) {
  const TemporaryFolder folder;
  write(folder / "w");
  const std::string whole = read_file(folder / "w", SIZE_MAX);
  for (const size_t size : {size_t{0}, size_t{7}, size_t{8}, size_t{100}, kPackedAlignment - 1, kPackedAlignment,
                            kPackedAlignment + 1, whole.size() - kPackedAlignment, whole.size() - 1}) {
    put_file(folder / "w", std::string_view(whole).substr(0, size));
    EXPECT_THROW(PackedFile(folder / "w", kKey), Error) << size;
  }
  put_file(folder / "w", whole + '\0');
  EXPECT_THROW(PackedFile(folder / "w", kKey), Error);
}

TEST(PackedFile, EveryChangedByteOfTheHeaderIsRefused) {
  const TemporaryFolder folder;
  write(folder / "w");
  std::string whole = read_file(folder / "w", SIZE_MAX);
  ASSERT_GT(whole.size(), kPackedAlignment);
  for (size_t at = 0; at < kPackedAlignment; ++at)
    for (const int bits : {0x01, 0x80}) {
      const char before = whole[at];
      whole[at] = static_cast<char>(before ^ bits);
      const auto refuse = [&] {
        const auto file = std::as_bytes(std::span(whole));
        check_packed_header(parse_safetensors_header(file, "w"), kKey, "w");
      };
      EXPECT_THROW(refuse(), Error) << "byte " << at << " ^ " << bits;
      whole[at] = before;
    }
  EXPECT_NO_THROW(check_packed_header(parse_bytes(whole), kKey, "w"));
}

// Names that changed places, with a header that is otherwise whole.
TEST(PackedFile, EntriesInEachOthersPlacesAreRefused) {
  const TemporaryFolder folder;
  write(folder / "w");
  std::string whole = read_file(folder / "w", SIZE_MAX);
  const size_t a = whole.find("a|F32|\""), c = whole.find("c\"");
  ASSERT_NE(a, std::string::npos);
  ASSERT_NE(c, std::string::npos);
  // Both are one page.
  whole.replace(c, 2, "a|F32|\"").replace(a, 7, "c\"");
  put_file(folder / "w", whole);
  EXPECT_ERROR(PackedFile(folder / "w", kKey), ErrorKind::BadFile, "index");
}

TEST(PackedFile, AFailureLeavesNothing) {
  const TemporaryFolder folder;
  const PackedWeight weight{"a", 4, []() -> const std::byte* { throw Error(ErrorKind::Cancelled, "stopped"); }};
  EXPECT_ERROR(write_packed_file(folder / "w", kKey, std::span(&weight, 1)), ErrorKind::Cancelled, "stopped");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace newbie
