// JSON → job, by each of the three interfaces: the first byte says by which.
#include "a1111_request.h"
#include "fuzz/target.h"
#include "openai_request.h"

using namespace newbie;

namespace {

class Unanswered : public Exchange {
 public:
  explicit Unanswered(Request request) : request_(std::move(request)) {}
  const Request& request() const override { return request_; }
  void respond(Response) override {}
  void start(Response, std::string) override {}
  std::function<void()> follow(Response, std::string, Source) override {
    return [] {};
  }
  bool write(std::string) override { return false; }
  void finish() override {}
  void when_gone(std::function<void()>) override {}

 private:
  Request request_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Server server({}, {}, {.pictures = {.max_side = 256, .max_pixels = 65536, .max_text_bytes = 65536}});
  if (size == 0) return 0;
  Request request;
  request.body = fuzz::text_of(data + 1, size - 1);
  request.headers = {{"Content-Type", "multipart/form-data; boundary=b"},
                     {"x-stainless-read-timeout", request.body.substr(0, 8)}};
  const Call call{server, std::make_shared<Unanswered>(std::move(request)), {}, "fuzz"};
  fuzz::survives({ErrorKind::InvalidRequest, ErrorKind::BadFile, ErrorKind::Unsupported}, [&] {
    switch (data[0] % 5) {
      case 0: check_request(own_submission(call, call.json()).request); break;
      case 1: check_request(openai_request(call, call.json()).submission.request); break;
      case 2: check_request(a1111_request(call, call.json(), A1111Kind::TextToImage).submission.request); break;
      case 3: check_request(a1111_request(call, call.json(), A1111Kind::ImageToImage).submission.request); break;
      case 4:
        check_request(
            openai_edit(call, parse_form("multipart/form-data; boundary=b", call.request().body)).submission.request);
        break;
    }
  });
  return 0;
}
