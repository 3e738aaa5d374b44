#include "weights/fingerprint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"
#include "unit/weights/file_bytes.h"

namespace newbie {
namespace {

using Files = std::vector<std::shared_ptr<const WeightFile>>;

std::string file_of(std::string_view data) {
  return safetensors_bytes(
      fmt::format(R"({{"a":{{"dtype":"U8","shape":[{}],"data_offsets":[0,{}]}}}})", data.size(), data.size()), data);
}

std::shared_ptr<const WeightFile> put(const std::filesystem::path& path, std::string_view bytes) {
  put_file(path, bytes);
  return std::make_shared<const SafetensorsFile>(path);
}

// The same digest made outside: sha256(size as 8 bytes + file), since header and data of one file follow each other.
TEST(Fingerprint, IsTheDocumentedDigest) {
  const TemporaryFolder folder;
  EXPECT_EQ(fingerprint(Files{put(folder / "a", safetensors_bytes("{}"))}),
            "39692096d96d56507077789b30021bf0c7658a1d6c8d86fc16dd9230d352ec61");
  EXPECT_EQ(fingerprint(Files{put(folder / "b", file_of("hello"))}),
            "d360bd4906abdb7b66412465eca9abe15b3033960a1129ab1081272266942cce");
}

TEST(Fingerprint, DependsOnTheBytesNotOnThePlace) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "sub");
  const auto a = put(folder / "a", file_of("one"));
  const auto b = put(folder / "b", file_of("two"));
  const std::string both = fingerprint(Files{a, b});
  EXPECT_EQ(fingerprint(Files{b, a}), both);
  EXPECT_EQ(fingerprint(Files{put(folder / "sub" / "x", file_of("one")), put(folder / "sub" / "y", file_of("two"))}),
            both);
  EXPECT_NE(fingerprint(Files{put(folder / "sub" / "y", file_of("one")), put(folder / "sub" / "x", file_of("two"))}),
            both);
  EXPECT_NE(fingerprint(Files{a}), both);
  EXPECT_NE(fingerprint(Files{a, put(folder / "c", file_of("twO"))}), both);
}

TEST(Fingerprint, SamplesALargePartFromItsFirstByteToItsLast) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "large";
  constexpr size_t kData = 80 * 1024 * 1024 + 12345;  // sparse: takes no room on the disk
  const std::string header =
      fmt::format(R"({{"a":{{"dtype":"U8","shape":[{}],"data_offsets":[0,{}]}}}})", kData, kData);
  put_file(path, safetensors_bytes(header));
  std::filesystem::resize_file(path, 8 + header.size() + kData);
  const auto digest = [&] { return fingerprint(Files{std::make_shared<const SafetensorsFile>(path)}); };
  const auto set = [&](size_t at, char value) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(8 + header.size() + at));
    file.put(value);
  };
  const std::string zeros = digest();
  constexpr size_t kRoom = kData - 4096;
  for (const size_t seen :
       {size_t{0}, size_t{4095}, kRoom * 2000 / 4095, kRoom * 2000 / 4095 + 4095, kRoom, kData - 1}) {
    set(seen, 1);
    EXPECT_NE(digest(), zeros) << seen;
    set(seen, 0);
    EXPECT_EQ(digest(), zeros) << seen;
  }
  for (const size_t unseen : {size_t{4096}, kRoom * 2000 / 4095 - 1, kRoom * 2000 / 4095 + 4096, kRoom - 1}) {
    set(unseen, 1);
    EXPECT_EQ(digest(), zeros) << unseen;
    set(unseen, 0);
  }
}

// Against the digest of the same files made outside, where two blocks lie across two files each.
TEST(Fingerprint, BlocksMayCrossFromOneFileToTheNext) {
  const TemporaryFolder folder;
  Files files;
  for (const char letter : {'a', 'b', 'c'}) {
    std::string data(30000001, '\0');
    std::fill_n(data.begin(), 15000, letter);
    std::fill_n(data.rbegin(), 15000, letter);
    files.push_back(put(folder / std::string(1, letter), file_of(data)));
  }
  EXPECT_EQ(fingerprint(files), "f8455d09eac09155a5d500a7dd5a7c6afaaba6210b915bc19fa2e3fc3890b9f1");
}

TEST(Fingerprint, AShrunkenFileIsAnError) {
  const TemporaryFolder folder;
  const auto file = put(folder / "a", file_of(std::string(100'000, 'x')));
  std::filesystem::resize_file(folder / "a", 5000);
  EXPECT_ERROR(fingerprint(Files{file}), ErrorKind::BadFile, "shrank");
}

}  // namespace
}  // namespace newbie
