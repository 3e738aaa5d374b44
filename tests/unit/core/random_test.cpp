// TorchGenerator against tensors drawn by PyTorch.
#include "core/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "core/files.h"
#include "core/json.h"
#include "expect_error.h"

namespace newbie {
namespace {

// The golden file is safetensors: a u64 header length, a JSON header, the bytes.
struct Golden {
  MappedFile file{NEWBIE_SOURCE_DIR "/tests/golden/data/random.safetensors"};
  size_t header_bytes = 0;
  Json header;

  Golden() {
    uint64_t length = 0;
    std::memcpy(&length, file.bytes().data(), sizeof length);
    header_bytes = length;
    header = parse_json({reinterpret_cast<const char*>(file.bytes().data()) + 8, header_bytes}, file.path().string());
  }
  std::vector<float> values(const Json& tensor) const {
    std::vector<float> out(tensor["shape"][0].get<size_t>());
    const size_t begin = 8 + header_bytes + tensor["data_offsets"][0].get<size_t>();
    std::memcpy(out.data(), file.bytes().subspan(begin, out.size() * sizeof(float)).data(), out.size() * sizeof(float));
    return out;
  }
};

TEST(TorchGenerator, DrawsWhatPyTorchDraws) {
  const Golden golden;
  ASSERT_FALSE(golden.header.empty());
  for (const auto& [name, tensor] : golden.header.items()) {
    const std::string prefix = "randn/seed";
    ASSERT_EQ(name.rfind(prefix, 0), 0U) << name;
    const uint64_t seed = std::stoull(name.substr(prefix.size()));
    const std::vector<float> want = golden.values(tensor);
    std::vector<float> got(want.size());
    TorchGenerator(seed).normal(got);
    for (size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(got[i], want[i], 1e-6F) << name << " at " << i;
  }
}

TEST(TorchGenerator, StartsAsTheSpecSays) {
  std::vector<float> got(16);
  TorchGenerator(42).normal(got);
  const float want[] = {1.9269153F, 1.4872841F, 0.9007172F, -2.1055210F, 0.6784185F, -1.2345449F};
  for (size_t i = 0; i < std::size(want); ++i) EXPECT_NEAR(got[i], want[i], 1e-6F);
}

TEST(TorchGenerator, CallsContinueTheStream) {
  std::vector<float> whole(96);
  TorchGenerator(7).normal(whole);
  TorchGenerator parts(7);
  std::vector<float> first(32);
  std::vector<float> second(64);
  parts.normal(first);
  parts.normal(second);
  first.insert(first.end(), second.begin(), second.end());
  EXPECT_EQ(first, whole);
}

TEST(TorchGenerator, OnlyTheLow32BitsOfTheSeedCount) {
  std::vector<float> a(16);
  std::vector<float> b(16);
  TorchGenerator(5).normal(a);
  TorchGenerator((uint64_t{1} << 40) + 5).normal(b);
  EXPECT_EQ(a, b);
}

TEST(TorchGenerator, RefusesFewerThanSixteen) {
  std::vector<float> out(15);
  EXPECT_ERROR(TorchGenerator(1).normal(out), ErrorKind::InvalidRequest, "at least 16");
}

}  // namespace
}  // namespace newbie
