// Requests as lines of JSON: --prompts.
#include "lists/prompt_list.h"

#include "fuzz/memory_file.h"

using namespace newbie;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuzz::MemoryFile file;
  file.write(fuzz::text_of(data, size));
  PictureArguments arguments;
  arguments.format_prompt = true;
  fuzz::survives({ErrorKind::InvalidRequest, ErrorKind::BadFile}, [&] {
    for (const ListedRequest& listed : read_prompt_list(file.path(), arguments, false)) check_request(listed.request);
  });
  return 0;
}
