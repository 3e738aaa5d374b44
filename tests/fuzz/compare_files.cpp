// Files that newbie compare and newbie memory-report read: somebody's table, a picture's result, a memory log.
#include "compare/store.h"
#include "compare/table_file.h"
#include "fuzz/target.h"
#include "memory_log.h"

using namespace newbie;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  fuzz::survives({ErrorKind::BadFile}, [&] { findings_text(check_table(parse_table(text, "table.json").table)); });
  fuzz::survives({ErrorKind::BadFile},
                 [&] { fuzz::require(!parse_memory_log(text, "log").points.empty(), "a log has points"); });
  fuzz::survives({ErrorKind::BadFile}, [&] {
    const PictureResult result = result_of(parse_json(text, "result"), "result");
    const std::string again = result_json(result).dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
    fuzz::require(result_json(result_of(parse_json(again, "again"), "again")).dump() == again,
                  "a result is read as it was written");
  });
  return 0;
}
