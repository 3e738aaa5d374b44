// A precision policy in TOML: what is accepted is what its own text says again.
#include "precision_policy.h"

#include "fuzz/memory_file.h"

using namespace newbie;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuzz::MemoryFile file;
  file.write(fuzz::text_of(data, size));
  fuzz::survives({ErrorKind::InvalidRequest, ErrorKind::BadFile}, [&] {
    const PrecisionPolicyFile first = read_precision_policy(file.path());
    for (const Rescale& r : first.rescales)
      fuzz::require(r.log2 != 0 && r.log2 >= -kMaxRescale && r.log2 <= kMaxRescale, "a rescale is within its limits");
    file.write(precision_policy_text(first, "again"));
    const PrecisionPolicyFile again = read_precision_policy(file.path());
    fuzz::require(first.rules.size() == again.rules.size() && first.rescales.size() == again.rescales.size(),
                  "a policy's text is a policy of as many rules");
    for (size_t i = 0; i < first.rescales.size(); ++i)
      fuzz::require(first.rescales[i].path_glob == again.rescales[i].path_glob &&
                        first.rescales[i].log2 == again.rescales[i].log2,
                    "a rescale is the same again");
    for (size_t i = 0; i < first.rules.size(); ++i) {
      PrecisionRule a = first.rules[i], b = again.rules[i];
      a.origin = b.origin = "";
      fuzz::require(a == b, "a rule is the same again");
    }
  });
  return 0;
}
