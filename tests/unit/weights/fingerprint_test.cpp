// The identity of files: all of their bytes, and hashes that were kept.
#include "weights/fingerprint.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"
#include "unit/weights/file_bytes.h"
#include "weights/sha256.h"

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

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.add(std::as_bytes(std::span(bytes)));
  return hash.hex();
}

TEST(Fingerprint, OfOneFileIsItsSha256) {
  const TemporaryFolder folder;
  // printf '\2\0\0\0\0\0\0\0{}' | sha256sum
  EXPECT_EQ(fingerprint(Files{put(folder / "a", safetensors_bytes("{}"))}),
            "411a485216e432ece6b9af94fa32154cf79a2a56d4f81266baa50063f45092bd");
  EXPECT_EQ(fingerprint(Files{put(folder / "b", file_of("hello"))}), sha256(file_of("hello")));
}

TEST(Fingerprint, DependsOnTheBytesNotOnThePlace) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "sub");
  const auto a = put(folder / "a", file_of("one"));
  const auto b = put(folder / "b", file_of("two"));
  const std::string both = fingerprint(Files{a, b});
  EXPECT_EQ(both, sha256(sha256(file_of("one")) + sha256(file_of("two"))));
  EXPECT_EQ(fingerprint(Files{b, a}), both);
  EXPECT_EQ(fingerprint(Files{put(folder / "sub" / "x", file_of("one")), put(folder / "sub" / "y", file_of("two"))}),
            both);
  EXPECT_NE(fingerprint(Files{put(folder / "sub" / "y", file_of("one")), put(folder / "sub" / "x", file_of("two"))}),
            both);
  EXPECT_NE(fingerprint(Files{a}), both);
  EXPECT_NE(fingerprint(Files{a, put(folder / "c", file_of("twO"))}), both);
}

// A file of 80 MiB that takes no room on the disk: bytes are set anywhere in it.
class Large {
 public:
  Large() {
    const std::string header =
        fmt::format(R"({{"a":{{"dtype":"U8","shape":[{}],"data_offsets":[0,{}]}}}})", kData, kData);
    put_file(path_, safetensors_bytes(header));
    data_begin_ = 8 + header.size();
    std::filesystem::resize_file(path_, data_begin_ + kData);
  }
  std::shared_ptr<const WeightFile> open() const { return std::make_shared<const SafetensorsFile>(path_); }
  void set(size_t at, char value) const {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(data_begin_ + at));
    file.put(value);
  }
  std::filesystem::path beside(const char* name) const { return folder_ / name; }

  static constexpr size_t kData = 80 * 1024 * 1024 + 12345;

 private:
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "large";
  size_t data_begin_ = 0;
};

TEST(Fingerprint, SeesEveryByteOfALargeFile) {
  const Large large;
  const std::string zeros = fingerprint(Files{large.open()});
  for (const size_t at : {size_t{0}, size_t{4096}, Large::kData / 3, Large::kData - 4097, Large::kData - 1}) {
    large.set(at, 1);
    EXPECT_NE(fingerprint(Files{large.open()}), zeros) << at;
    large.set(at, 0);
  }
  EXPECT_EQ(fingerprint(Files{large.open()}), zeros);
}

// A stamp as of an old file, so that nothing waits for a clock.
FileStamp old_stamp() { return {.device = 1, .inode = 2, .bytes = 3, .modified_ns = 4, .changed_ns = 5}; }

TEST(KeptHashes, AreThoseOfAStamp) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "deep" / "hashes.json";
  const std::string hash = sha256("x");
  KeptHashes kept(path);
  EXPECT_EQ(kept.find(old_stamp()), "");
  kept.keep(old_stamp(), hash);
  EXPECT_EQ(KeptHashes(path).find(old_stamp()), hash);
  FileStamp changed = old_stamp();
  changed.changed_ns += 1;  // its other times were set back
  EXPECT_EQ(KeptHashes(path).find(changed), "");
}

TEST(KeptHashes, AFreshFileIsNotKeptAndDamageDoesNoHarm) {
  const Large large;
  const std::filesystem::path path = large.beside("hashes.json");
  KeptHashes kept(path);
  const std::string hash = fingerprint(Files{large.open()}, &kept);
  EXPECT_EQ(kept.find(large.open()->stamp()), "");  // written a moment ago
  large.set(5000, 1);
  EXPECT_NE(fingerprint(Files{large.open()}, &kept), hash);
  put_file(path, R"({"sha256":{"1 2 3 4 5":"short","9 9 9 9 9":7}})");
  EXPECT_EQ(KeptHashes(path).find(old_stamp()), "");
  put_file(path, "{");
  EXPECT_EQ(KeptHashes(path).find(old_stamp()), "");
}

TEST(Fingerprint, TakesAKeptHashOfALargeFile) {
  const Large large;
  KeptHashes kept(large.beside("hashes.json"));
  const auto file = large.open();
  FileStamp stamp = file->stamp();
  // What a file of yesterday would have: the book is asked by the stamp alone.
  put_file(large.beside("other.json"),
           fmt::format(R"({{"sha256":{{"{} {} {} {} {}":"{}"}}}})", stamp.device, stamp.inode, stamp.bytes,
                       stamp.modified_ns, stamp.changed_ns, std::string(64, 'a')));
  KeptHashes other(large.beside("other.json"));
  EXPECT_EQ(fingerprint(Files{file}, &other), std::string(64, 'a'));
  EXPECT_NE(fingerprint(Files{file}, &kept), std::string(64, 'a'));
}

TEST(Fingerprint, AShrunkenFileIsAnError) {
  const TemporaryFolder folder;
  const auto file = put(folder / "a", file_of(std::string(100'000, 'x')));
  std::filesystem::resize_file(folder / "a", 5000);
  EXPECT_ERROR(fingerprint(Files{file}), ErrorKind::BadFile, "shrank");
}

}  // namespace
}  // namespace newbie
