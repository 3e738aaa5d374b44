// The reader: what a good file means, and every rule of the format broken once.
#include "weights/formats/safetensors.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/files.h"
#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"
#include "unit/weights/file_bytes.h"

namespace newbie {
namespace {

using testing::ElementsAre;

// One F32 tensor "a" whose description is given, before `data_bytes` bytes of data.
std::string one(std::string_view entry, size_t data_bytes) {
  return safetensors_bytes(R"({"a":)" + std::string(entry) + "}", std::string(data_bytes, 'x'));
}

TEST(Safetensors, ReadsAGoodFile) {
  const TemporaryFolder folder;
  const std::string header =
      R"({"b":{"dtype":"F16","shape":[2,1],"data_offsets":[4,8]},"__metadata__":{"format":"pt","k":""},)"
      R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"none":{"dtype":"I64","shape":[3,0],"data_offsets":[8,8]},)"
      R"("spiece_model":{"data_offsets":[8,11],"dtype":"U8","shape":[3]}}   )";
  put_file(folder / "m.safetensors", safetensors_bytes(header, "01234567abc"));
  const SafetensorsFile file(folder / "m.safetensors");

  ASSERT_EQ(file.entries().size(), 4u);
  EXPECT_EQ(file.entries()[0].name, "a");
  EXPECT_EQ(file.entries()[1].name, "b");
  EXPECT_EQ(file.entries()[2].name, "none");
  EXPECT_EQ(file.metadata(), (std::map<std::string, std::string>{{"format", "pt"}, {"k", ""}}));
  EXPECT_EQ(file.spec(*file.find("a")), (TensorSpec{Shape{}, DType::F32}));
  EXPECT_EQ(file.spec(*file.find("b")), (TensorSpec{Shape{2, 1}, DType::F16}));
  EXPECT_EQ(file.spec(*file.find("none")), (TensorSpec{Shape{3, 0}, DType::I64}));
  EXPECT_EQ(as_text(file.bytes(*file.find("b"))), "4567");
  EXPECT_EQ(as_text(file.bytes(*file.find("spiece_model"))), "abc");
  EXPECT_TRUE(file.bytes(*file.find("none")).empty());
  EXPECT_EQ(file.find("c"), nullptr);
  EXPECT_EQ(file.header_bytes().size(), 8 + header.size());
  EXPECT_EQ(as_text(file.data_bytes()), "01234567abc");
}

TEST(Safetensors, AnEmptyHeaderIsAFileWithoutTensors) {
  EXPECT_TRUE(parse_bytes(safetensors_bytes("{}")).entries.empty());
  EXPECT_TRUE(parse_bytes(safetensors_bytes("{}      ")).entries.empty());
  EXPECT_TRUE(parse_bytes(safetensors_bytes(R"({"__metadata__":{}})")).metadata.empty());
}

TEST(Safetensors, KnowsEveryDtypeOfTheFormat) {
  const struct {
    const char* name;
    size_t bytes_of_four;
    bool readable;
  } dtypes[] = {{"F32", 16, true},     {"BF16", 8, true},     {"F16", 8, true},      {"F64", 32, true},
                {"I64", 32, true},     {"I32", 16, true},     {"I8", 4, true},       {"U8", 4, true},
                {"BOOL", 4, false},    {"I16", 8, false},     {"U16", 8, false},     {"U32", 16, false},
                {"U64", 32, false},    {"C64", 32, false},    {"F8_E4M3", 4, true},  {"F8_E5M2", 4, true},
                {"F8_E8M0", 4, false}, {"F6_E2M3", 3, false}, {"F6_E3M2", 3, false}, {"F4", 2, false}};
  for (const auto& dtype : dtypes) {
    const auto entry = [&](size_t bytes) {
      return one(fmt::format(R"({{"dtype":"{}","shape":[2,2],"data_offsets":[0,{}]}})", dtype.name, bytes), bytes);
    };
    EXPECT_EQ(parse_bytes(entry(dtype.bytes_of_four)).entries.at(0).dtype_name, dtype.name);
    EXPECT_EQ(parse_bytes(entry(dtype.bytes_of_four)).entries.at(0).dtype.has_value(), dtype.readable) << dtype.name;
    EXPECT_ERROR(parse_bytes(entry(dtype.bytes_of_four + 1)), ErrorKind::BadFile, "[0, ");
  }
  EXPECT_ERROR(parse_bytes(one(R"({"dtype":"F4","shape":[3],"data_offsets":[0,2]})", 2)), ErrorKind::BadFile,
               "expected whole bytes, got 3 elements of 4 bits");
  EXPECT_ERROR(parse_bytes(one(R"({"dtype":"f32","shape":[1],"data_offsets":[0,4]})", 4)), ErrorKind::BadFile,
               "x.safetensors: tensor 'a': expected a known dtype, got 'f32'");
}

TEST(Safetensors, WhatWeCannotReadIsListedAndRefusedWhenUsed) {
  const TemporaryFolder folder;
  put_file(folder / "m.safetensors",
           safetensors_bytes(R"({"w":{"dtype":"F8_E8M0","shape":[2],"data_offsets":[0,2]},)"
                             R"("deep":{"dtype":"U8","shape":[1,1,1,1,1,1],"data_offsets":[2,3]}})",
                             "abc"));
  const SafetensorsFile file(folder / "m.safetensors");
  EXPECT_EQ(file.entries().size(), 2u);
  EXPECT_ERROR(file.spec(*file.find("w")), ErrorKind::Unsupported,
               "tensor 'w': expected a dtype we can read, got F8_E8M0");
  EXPECT_ERROR(file.spec(*file.find("deep")), ErrorKind::Unsupported, "expected at most 5 axes, got 6");
  EXPECT_EQ(as_text(file.bytes(*file.find("w"))), "ab");
}

TEST(Safetensors, LenientReadsHeadersPaddedWithNul) {
  const TemporaryFolder folder;
  const std::string header =
      std::string(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})") + std::string("\0 \0", 3);
  put_file(folder / "m.safetensors", safetensors_bytes(header, "x"));
  EXPECT_ERROR(SafetensorsFile(folder / "m.safetensors"), ErrorKind::BadFile, "got NUL bytes");
  const SafetensorsFile file(folder / "m.safetensors", Strictness::Lenient);
  EXPECT_EQ(as_text(file.bytes(*file.find("a"))), "x");
  put_file(folder / "m.safetensors", safetensors_bytes(std::string("{}\0x", 4)));
  EXPECT_ERROR(SafetensorsFile(folder / "m.safetensors", Strictness::Lenient), ErrorKind::BadFile, "ends with '}'");
}

TEST(Safetensors, RefusesABadLength) {
  EXPECT_ERROR(parse_bytes(""), ErrorKind::BadFile, "expected at least 8 bytes of safetensors, got 0");
  EXPECT_ERROR(parse_bytes("1234567"), ErrorKind::BadFile, "got 7");
  EXPECT_ERROR(parse_bytes(safetensors_bytes("{}", "", 3)), ErrorKind::BadFile, "expected a header of 3 bytes, got 2");
  EXPECT_ERROR(parse_bytes(safetensors_bytes("{}", "", 100'000'000)), ErrorKind::BadFile, "got 2 bytes after");
  EXPECT_ERROR(parse_bytes(safetensors_bytes("{}", "", 100'000'001)), ErrorKind::BadFile, "at most 100000000");
  EXPECT_ERROR(parse_bytes(safetensors_bytes("{}", "", UINT64_MAX)), ErrorKind::BadFile, "at most 100000000");
  EXPECT_ERROR(parse_bytes(safetensors_bytes("", "", 0)), ErrorKind::BadFile, "got zeros");
}

TEST(Safetensors, RefusesAHeaderThatIsNotStrictJson) {
  EXPECT_ERROR(parse_bytes(safetensors_bytes(" {}")), ErrorKind::BadFile, "starts with '{', got ' '");
  EXPECT_ERROR(parse_bytes(safetensors_bytes("[]")), ErrorKind::BadFile, "starts with '{', got '['");
  EXPECT_ERROR(parse_bytes(safetensors_bytes("{}\n")), ErrorKind::BadFile, "got '\\x0a'");
  EXPECT_ERROR(parse_bytes(safetensors_bytes(std::string("{}\0", 3))), ErrorKind::BadFile,
               "expected a header padded with spaces, got NUL bytes");
  EXPECT_ERROR(parse_bytes(safetensors_bytes("{")), ErrorKind::BadFile, "ends with '}'");
  EXPECT_ERROR(parse_bytes(safetensors_bytes("{}}")), ErrorKind::BadFile, "x.safetensors");
  EXPECT_ERROR(parse_bytes(safetensors_bytes("{'a':1}")), ErrorKind::BadFile, "x.safetensors");
  EXPECT_ERROR(parse_bytes(safetensors_bytes("{\"\xFF\":1}")), ErrorKind::BadFile, "x.safetensors");
  const std::string_view a = R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  EXPECT_ERROR(parse_bytes(safetensors_bytes(fmt::format("{{{},{}}}", a, a))), ErrorKind::BadFile, "twice");
  EXPECT_ERROR(parse_bytes(safetensors_bytes(R"({"__metadata__":{"k":"1","k":"2"}})")), ErrorKind::BadFile, "twice");
}

TEST(Safetensors, RefusesMetadataThatIsNotTextToText) {
  EXPECT_ERROR(parse_bytes(safetensors_bytes(R"({"__metadata__":[]})")), ErrorKind::BadFile,
               "x.safetensors: __metadata__: expected an object of strings, got array");
  EXPECT_TRUE(
      parse_bytes(safetensors_bytes(R"({"__metadata__":null})")).metadata.empty());  // as the reference reads it
  EXPECT_ERROR(parse_bytes(safetensors_bytes(R"({"__metadata__":{"step":3}})")), ErrorKind::BadFile,
               "expected a string for 'step', got number");
}

TEST(Safetensors, NamesWhatTheFileIsInstead) {
  const auto refused = [](std::string_view file, ErrorKind kind, const char* what) {
    EXPECT_ERROR(parse_bytes(file), kind, what);
  };
  refused("version https://git-lfs.github.com/spec/v1\n", ErrorKind::BadFile, "got a Git LFS pointer");
  refused("<!DOCTYPE html><html></html>", ErrorKind::BadFile, "got a web page");
  refused(std::string_view("PK\x03\x04\0\0\0\0\0\0", 10), ErrorKind::Unsupported, "got an archive, as PyTorch's");
  refused("\x80\x02}q\x01X\x03\x01\x01", ErrorKind::Unsupported, "got a Python pickle");
  refused("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", ErrorKind::BadFile, "got XML");
  refused("<Error><Code>AccessDenied</Code></Error>", ErrorKind::BadFile, "storage server");
  refused("Access to model a/b is restricted.", ErrorKind::BadFile, "does not give to everyone");
  refused("\x89HDF\r\n\x1a\n and more of it", ErrorKind::Unsupported, "got HDF5");
  refused("\x08\x07\x12\x07pytorch", ErrorKind::Unsupported, "got ONNX");
  refused("\x1f\x8b\x08", ErrorKind::BadFile, "gzip");  // less than a header's length takes
  refused("BZh9", ErrorKind::BadFile, "bzip2");
  refused("7z\xbc\xaf\x27\x1c", ErrorKind::BadFile, "7z");
  refused("Rar!\x1a\x07\x01", ErrorKind::BadFile, "RAR");
  refused(std::string(100, '\0'), ErrorKind::BadFile, "got zeros");
  // A header of 0x120708 bytes begins as ONNX does; here it is cut.
  refused(std::string_view("\x08\x07\x12\0\0\0\0\0{\"a\"", 12), ErrorKind::BadFile, "shorter than");
  // A header of 0x0280 bytes begins as pickles do.
  const std::string header = "{" + std::string(0x280 - 2, ' ') + "}";
  EXPECT_TRUE(parse_bytes(safetensors_bytes(header)).entries.empty());
}

TEST(Safetensors, RefusesADescriptionThatIsNotOne) {
  const auto refused = [](std::string_view entry, const char* part) {
    EXPECT_ERROR(parse_bytes(one(entry, 4)), ErrorKind::BadFile, part);
  };
  refused("3", "tensor 'a': expected an object with dtype, shape and data_offsets, got number");
  refused(R"({"shape":[1],"data_offsets":[0,4]})", "expected dtype, got nothing");
  refused(R"({"dtype":"F32","data_offsets":[0,4]})", "expected shape, got nothing");
  refused(R"({"dtype":"F32","shape":[1]})", "expected data_offsets, got nothing");
  refused(R"({"dtype":7,"shape":[1],"data_offsets":[0,4]})", "expected a dtype name, got number");
  refused(R"({"dtype":"F32","shape":1,"data_offsets":[0,4]})", "expected an array for shape, got number");
  refused(R"({"dtype":"F32","shape":["1"],"data_offsets":[0,4]})", "in shape, got string");
  refused(R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})", "in shape, got -1");
  refused(R"({"dtype":"F32","shape":[1.0],"data_offsets":[0,4]})", "in shape, got 1.0");
  refused(R"({"dtype":"F32","shape":[1],"data_offsets":{}})", "expected an array for data_offsets, got object");
  refused(R"({"dtype":"F32","shape":[1],"data_offsets":[0]})", "expected data_offsets of 2 numbers, got 1");
  refused(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4,8]})", "expected data_offsets of 2 numbers, got 3");
  refused(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4.5]})", "in data_offsets, got 4.5");
  refused(R"({"dtype":"F32","shape":[1],"data_offsets":[4,0]})", "do not go backwards, got [4, 0]");
  refused(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4],"strides":[1]})", "got 'strides'");
}

TEST(Safetensors, RefusesSizesThatDoNotFit) {
  const auto refused = [](std::string_view shape, std::string_view offsets, const char* part) {
    EXPECT_ERROR(parse_bytes(one(fmt::format(R"({{"dtype":"F32","shape":{},"data_offsets":{}}})", shape, offsets), 8)),
                 ErrorKind::BadFile, part);
  };
  refused("[3]", "[0,8]", "expected 12 bytes for F32 [3], got 8 bytes in data_offsets [0, 8]");
  refused("[2]", "[0,7]", "expected 8 bytes");
  refused("[0]", "[0,8]", "expected 0 bytes");
  refused("[9223372036854775807]", "[0,8]", "63 bits");
  refused("[9223372036854775808]", "[0,8]", "in shape, got 9223372036854775808");
  refused("[4294967296,4294967296]", "[0,0]", "expected a size that fits 63 bits, got [4294967296, 4294967296]");
  refused("[4294967296,4294967296,0]", "[0,0]", "63 bits");
  refused("[2]", "[0,9223372036854775808]", "in data_offsets");
  refused("[2]", "[18446744073709551608,18446744073709551616]", "in data_offsets");
}

TEST(Safetensors, RefusesTensorsThatDoNotTileTheData) {
  const auto two = [](std::string_view first, std::string_view second, size_t data_bytes) {
    return safetensors_bytes(fmt::format(R"({{"b":{{"dtype":"U8","shape":[4],"data_offsets":{}}},)"
                                         R"("a":{{"dtype":"U8","shape":[4],"data_offsets":{}}}}})",
                                         second, first),
                             std::string(data_bytes, 'x'));
  };
  EXPECT_EQ(parse_bytes(two("[0,4]", "[4,8]", 8)).entries.size(), 2u);
  EXPECT_ERROR(parse_bytes(two("[0,4]", "[5,9]", 9)), ErrorKind::BadFile,
               "x.safetensors: tensor 'b': expected to begin at byte 4 of the data, got 5 (leaves a hole)");
  EXPECT_ERROR(parse_bytes(two("[0,4]", "[3,7]", 7)), ErrorKind::BadFile, "got 3 (overlaps the tensor before it)");
  EXPECT_ERROR(parse_bytes(two("[0,4]", "[0,4]", 4)), ErrorKind::BadFile, "overlaps");
  EXPECT_ERROR(parse_bytes(two("[1,5]", "[5,9]", 9)), ErrorKind::BadFile, "tensor 'a': expected to begin at byte 0");
  EXPECT_ERROR(parse_bytes(two("[0,4]", "[4,8]", 7)), ErrorKind::BadFile,
               "tensor 'b': expected to end within 7 bytes of data, got 8");
  EXPECT_ERROR(parse_bytes(two("[0,4]", "[4,8]", 9)), ErrorKind::BadFile,
               "expected the tensors to end with the file at byte 9 of the data, got 8");
  EXPECT_ERROR(parse_bytes(safetensors_bytes("{}", "x")), ErrorKind::BadFile, "at byte 1 of the data, got 0");
}

TEST(Safetensors, NamesInMessagesAreCutAndMadeVisible) {
  const std::string name = "\\u001b[31m" + std::string(1000, 'n');
  EXPECT_ERROR(parse_bytes(safetensors_bytes("{\"" + name + "\":1}")), ErrorKind::BadFile, "tensor '\\x1b[31mnnn");
  try {
    parse_bytes(safetensors_bytes("{\"" + name + "\":1}"));
  } catch (const Error& error) {
    EXPECT_LT(error.message().size(), 400u);
  }
}

// A small file with everything in it, for the two tests below.
const std::string kSmall = safetensors_bytes(
    R"({"__metadata__":{"format":"pt"},"a.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},)"
    R"("b":{"dtype":"BF16","shape":[3],"data_offsets":[8,14]}}  )",
    "0123456789abcd");

TEST(Safetensors, EveryTruncationIsAnError) {
  EXPECT_EQ(parse_bytes(kSmall).entries.size(), 2u);
  for (size_t size = 0; size < kSmall.size(); ++size) {
    const std::string cut(kSmall.data(), size);  // its own block, so that a sanitizer sees a read past the end
    SCOPED_TRACE(size);
    EXPECT_ERROR(parse_bytes(cut), ErrorKind::BadFile, "x.safetensors");
  }
}

// The same for a header as models have it: the file ends there, or the header does and tells so.
TEST(Safetensors, ARealHeaderCutAnywhereIsAnError) {
  const std::string whole =
      read_file(NEWBIE_SOURCE_DIR "/models/avatar/vae/diffusion_pytorch_model.safetensors", size_t{1} << 24);
  const size_t header_bytes = parse_bytes(whole).data_begin - sizeof(uint64_t);
  const std::string_view header = std::string_view(whole).substr(sizeof(uint64_t), header_bytes);
  ASSERT_GT(header_bytes, 10'000u);
  for (size_t size = 0; size < header_bytes; ++size) {
    if (header.find_first_not_of(' ', size) == header.npos) break;  // padding: nothing is lost
    SCOPED_TRACE(size);
    EXPECT_ERROR(parse_bytes(std::string_view(whole).substr(0, sizeof(uint64_t) + size)), ErrorKind::BadFile,
                 "x.safetensors");
    EXPECT_ERROR(parse_bytes(safetensors_bytes(header.substr(0, size))), ErrorKind::BadFile, "x.safetensors");
  }
}

TEST(Safetensors, EveryChangedHeaderByteIsAnErrorOrAnotherGoodFile) {
  const size_t header_bytes = kSmall.size() - 14;
  int good = 0;
  for (size_t at = 0; at < header_bytes; ++at) {
    for (int change = 1; change < 256; ++change) {
      std::string changed = kSmall;
      changed[at] = static_cast<char>(static_cast<unsigned char>(changed[at]) ^ change);
      try {
        const SafetensorsHeader header = parse_bytes(changed);
        ASSERT_GE(changed.size(), header.data_begin);
        size_t end = 0;
        for (const SafetensorsEntry& entry : header.entries) {
          ASSERT_EQ(entry.begin, end);
          end = entry.end;
        }
        ASSERT_EQ(end, changed.size() - header.data_begin);
        ++good;
      } catch (const Error& error) {
        ASSERT_EQ(error.kind(), ErrorKind::BadFile) << error.message();
      }
    }
  }
  EXPECT_GT(good, 0);  // another letter in a name is another name
}

}  // namespace
}  // namespace newbie
