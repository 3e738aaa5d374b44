// A prompt with wildcards and the files they name. The first line is the prompt, the second text up to a zero byte is
// a.txt, the rest b.txt.
#include "text/wildcards.h"

#include "fuzz/memory_file.h"
#include "text/utf8.h"

using namespace newbie;

namespace {

// A folder with two files in memory.
struct Folder {
  std::filesystem::path path;
  fuzz::MemoryFile a, b;

  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "newbie-fuzz-XXXXXX").string();
    fuzz::require(mkdtemp(name.data()) != nullptr, "a folder can be made");
    path = name;
    std::filesystem::create_symlink(a.path(), path / "a.txt");
    std::filesystem::create_symlink(b.path(), path / "b.txt");
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Folder folder;
  const std::string_view input = fuzz::text_of(data, size);
  const size_t line = std::min(input.find('\n'), size);
  const std::string_view prompt = input.substr(0, line), files = input.substr(std::min(line + 1, size));
  const size_t middle = std::min(files.find('\0'), files.size());
  folder.a.write(files.substr(0, middle));
  folder.b.write(files.substr(std::min(middle + 1, files.size())));
  fuzz::survives({ErrorKind::InvalidRequest, ErrorKind::BadFile}, [&] {
    const std::string once = Wildcards(folder.path).resolve(prompt, size);
    fuzz::require(once.size() <= size_t{1} << 20, "results are limited");
    fuzz::require(find_invalid_utf8(once).has_value() <= find_invalid_utf8(prompt).has_value(),
                  "files add no broken text");
    fuzz::require(Wildcards(folder.path).resolve(prompt, size) == once, "a seed chooses the same lines");
  });
  return 0;
}
