// newbie serve, as people and their service managers run it.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <thread>

#include "core/files.h"
#include "core/float_formats.h"
#include "e2e/run_program.h"
#include "text/base64.h"
#include "unit/core/temporary_folder.h"
#include "unit/http/client.h"
#include "weights/formats/safetensors.h"
#include "weights/safetensors_writer.h"

namespace newbie::e2e {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;

constexpr const char* kRequest = R"({"prompt": "1girl, blue hair", "seed": 7, "steps": 2, "width": 64, "height": 64})";
constexpr const char* kLongRequest =
    R"({"prompt": "a girl", "seed": 7, "steps": 2000, "schedule": "flow_euler", "width": 128, "height": 128})";

// A running `newbie serve` on a port of its own, for the time of `use`, which ends it (or it is terminated).
class Running {
 public:
  Running(pid_t pid, uint16_t port) : process(pid), port_(port) {}

  HttpAnswer ask(const std::string& method, const std::string& target, const std::string& body = {}) const {
    RawClient client(port_);
    client.send(http_request(method, target, body, "Content-Type: application/json\r\n"));
    return parse_answer(client.read_all());
  }
  std::string submit(const char* request) const {
    const HttpAnswer answer = ask("POST", "/v1/jobs", request);
    EXPECT_EQ(answer.status, 202) << answer.body;
    return answer.json()["id"];
  }
  OrderedJson wait(const std::string& id, const std::function<bool(const std::string& state)>& enough) const {
    while (true) {
      OrderedJson job = ask("GET", "/v1/jobs/" + id).json();
      if (enough(job["state"])) return job;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  OrderedJson wait_for_end(const std::string& id) const {
    return wait(id,
                [](const std::string& state) { return state == "done" || state == "failed" || state == "cancelled"; });
  }
  uint16_t port() const { return port_; }

  const pid_t process;

 private:
  uint16_t port_;
};

Outcome serve(std::vector<std::string> arguments, const std::function<void(const Running&)>& use) {
  Invocation call{.arguments = {"serve", "--port", "0", "-t", "1"}};
  call.arguments.insert(call.arguments.end(), arguments.begin(), arguments.end());
  bool used = false;
  call.meanwhile = [&](pid_t process, const std::string& err) {
    const std::string sign = "listening on http://127.0.0.1:";
    const size_t at = err.find(sign);
    if (used || at == std::string::npos || err.find(" is open: ") == std::string::npos) return;
    used = true;
    use(Running(process, static_cast<uint16_t>(std::stoi(err.substr(at + sign.size())))));
    ::kill(process, SIGTERM);
  };
  return run(call);
}

TEST(Serve, GivesTheBytesOfTheCommandLine) {
  const TemporaryFolder folder;
  const Outcome drawn = run({"generate", "-p", "1girl, blue hair", "-s", "7", "--steps", "2", "-W", "64", "-H", "64",
                             "-t", "1", "-o", (folder / "a.png").string()});
  ASSERT_EQ(drawn.exit_code, 0) << drawn.err;
  const std::string expected = read_file(folder / "a.png", 1 << 20);
  const Outcome o = serve({}, [&](const Running& server) {
    const OrderedJson job = server.wait_for_end(server.submit(kRequest));
    ASSERT_EQ(job["state"], "done") << job;
    EXPECT_TRUE(server.ask("GET", "/" + job["pictures"][0]["url"].get<std::string>()).body == expected);
    const HttpAnswer openai = server.ask("POST", "/v1/images/generations", kRequest);
    ASSERT_EQ(openai.status, 200) << openai.body;
    EXPECT_TRUE(decode_base64(openai.json()["data"][0]["b64_json"].get<std::string>()) == expected);
    const HttpAnswer a1111 = server.ask("POST", "/sdapi/v1/txt2img", kRequest);
    ASSERT_EQ(a1111.status, 200) << a1111.body;
    EXPECT_TRUE(a1111.json()["images"][0].is_string());
    const OrderedJson plan = server.ask("POST", "/v1/plan", kRequest).json();
    EXPECT_GT(plan["peak_bytes"], 0);
    const OrderedJson tokens = server.ask("POST", "/v1/prompt/tokens", R"({"prompt": "1girl"})").json();
    EXPECT_GT(tokens["encoders"][0]["tokens"], 0);
  });
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.err, HasSubstr("POST /v1/jobs 202"));
  EXPECT_THAT(o.err, ::testing::Not(HasSubstr("blue hair"))) << "no prompt is in the log";
}

TEST(Serve, TerminatedItFinishesWhatItIsAt) {
  std::atomic<int> status{0};
  std::thread client;
  const Outcome o = serve({}, [&](const Running& server) {
    client = std::thread([&, port = server.port()] {
      RawClient waits(port);
      waits.send(http_request("POST", "/v1/images/generations",
                              R"({"prompt": "a girl", "steps": 30, "width": 64, "height": 64})"));
      status = parse_answer(waits.read_all()).status;
    });
    while (server.ask("GET", "/v1/jobs").json()["jobs"].empty())
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  });
  client.join();
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(status, 200);
}

TEST(Serve, TerminatedTwiceItEndsAtOnce) {
  const Outcome o = serve({}, [&](const Running& server) {
    const std::string id = server.submit(kLongRequest);
    server.wait(id, [](const std::string& state) { return state == "running"; });
    ::kill(server.process, SIGTERM);
    while (server.ask("GET", "/health").status == 200 && server.ask("GET", "/ready").status != 503)
      std::this_thread::yield();
  });
  EXPECT_EQ(o.exit_code, 0) << o.err;
}

TEST(Serve, WhatWasFinishedOutlivesAKill) {
  for (const bool resume : {false, true}) {
    const TemporaryFolder folder;
    std::vector<std::string> flags{"--jobs", (folder / "jobs").string()};
    if (resume) flags.emplace_back("--resume-jobs");
    std::string finished, unfinished, picture;
    const Outcome killed = serve(flags, [&](const Running& server) {
      finished = server.submit(kRequest);
      picture = server.ask("GET", "/" + server.wait_for_end(finished)["pictures"][0]["url"].get<std::string>()).body;
      unfinished = server.submit(R"({"prompt": "a girl", "seed": 8, "steps": 40, "width": 64, "height": 64})");
      server.wait(unfinished, [](const std::string& state) { return state == "running"; });
      ::kill(server.process, SIGKILL);
    });
    EXPECT_EQ(killed.signal, SIGKILL);
    const Outcome again = serve(flags, [&](const Running& server) {
      const OrderedJson job = server.ask("GET", "/v1/jobs/" + finished).json();
      EXPECT_EQ(job["state"], "done");
      const std::string url = "/" + job["pictures"][0]["url"].get<std::string>();
      EXPECT_TRUE(server.ask("GET", url).body == picture);
      write_file_atomically(folder / "jobs" / (finished + ".0.png"), picture.substr(0, 1000));
      EXPECT_EQ(server.ask("GET", url).status, 410) << "not what was written there";
      const OrderedJson other = server.wait_for_end(unfinished);
      EXPECT_EQ(other["state"], resume ? "done" : "failed") << other;
      EXPECT_EQ(server.ask("GET", "/v1/jobs").json()["jobs"].size(), 2u);
    });
    EXPECT_EQ(again.exit_code, 0) << again.err;
  }
}

// The embedded model, but what layer 1 adds is beyond f16 and well inside f32.
fs::path model_that_leaves_f16(const TemporaryFolder& folder) {
  const fs::path out = folder / "model", file_name = fs::path("transformer") / "diffusion_pytorch_model.safetensors";
  fs::copy(avatar(), out, fs::copy_options::recursive);
  const SafetensorsFile file(avatar() / file_name);
  std::vector<float> gain;
  std::vector<NamedTensor> tensors;
  for (const SafetensorsEntry& e : file.entries()) {
    const TensorSpec spec = file.spec(e);
    tensors.push_back({e.name, {spec, file.bytes(e).data()}});
    if (e.name != "layers.1.ffn_norm2.weight") continue;
    gain.resize(spec.shape.elements());
    convert(spec.dtype, file.bytes(e).data(), DType::F32, reinterpret_cast<std::byte*>(gain.data()), gain.size());
    for (float& g : gain) g *= 0x1p20f;
    tensors.back() = {e.name, {{spec.shape, DType::F32}, reinterpret_cast<const std::byte*>(gain.data())}};
  }
  EXPECT_FALSE(gain.empty());
  fs::remove(out / file_name);
  write_safetensors(out / file_name, tensors, file.metadata());
  return out;
}

TEST(Serve, WhatTheGuardDoesReachesAListenerWhileItDraws) {
  const TemporaryFolder folder;
  const std::string model = model_that_leaves_f16(folder).string();
  const Outcome o = serve({"-m", model, "--precision", "f16-naive"}, [&](const Running& server) {
    const std::string id = server.submit(kLongRequest);
    RawClient listener(server.port());
    listener.send(http_request("GET", "/v1/jobs/" + id + "/events"));
    const std::string heard = listener.read_until([](const std::string& all) {
      const size_t at = all.find("event: guard");
      return at != std::string::npos && all.find("\n\n", at) != std::string::npos;
    });
    EXPECT_THAT(heard, HasSubstr("event: guard"));
    EXPECT_THAT(heard, HasSubstr(R"("where":"transformer.layers.1")"));
    EXPECT_THAT(heard, HasSubstr("run again with transformer.layers.1 in f32"));
    const OrderedJson job = server.ask("GET", "/v1/jobs/" + id).json();
    EXPECT_EQ(job["state"], "running") << job;
    EXPECT_FALSE(job["guard"].empty());
    server.ask("DELETE", "/v1/jobs/" + id);
    EXPECT_EQ(server.wait_for_end(id)["state"], "cancelled");
  });
  EXPECT_EQ(o.exit_code, 0) << o.err;
}

TEST(Serve, RefusesToStartWhereItShouldNot) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "keys", "anna: short\n");
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"serve", "--host", "0.0.0.0", "--port", "0"}, "--api-key-file"},
      {{"serve", "--host", "somewhere", "--port", "0", "--insecure"}, "is no address"},
      {{"serve", "--port", "0", "--api-key-file", (folder / "keys").string()}, "keys:1"},
      {{"serve", "--port", "0", "--api-key-file", (folder / "none").string()}, "none"},
      {{"serve", "--port", "0", "--tls-cert", "a.pem"}, "go together"},
      {{"serve", "--port", "0", "--tls-cert", (folder / "none").string(), "--tls-key", (folder / "none").string()},
       "no certificate"},
      {{"serve", "--port", "0", "--cors", "https://a/"}, "no origin"},
      {{"serve", "--port", "0", "--cors", "https://a/", "--cors", "https://b"}, "'https://a/' is no origin"},
      {{"serve", "--port", "0", "--cors", "https://a", "--cors", "https://b/"}, "'https://b/' is no origin"},
      {{"serve", "--port", "0", "--resume-jobs"}, "--jobs"},
      {{"serve", "--port", "0", "--worker-name", "a/b"}, "--worker-name"},
      {{"serve", "--port", "0", "-m", (folder / "none").string()}, "none"}};
  for (const auto& [arguments, part] : cases) {
    const Outcome o = run(arguments);
    EXPECT_NE(o.exit_code, 0) << part;
    EXPECT_THAT(o.err, HasSubstr(part));
  }
}

// One that was free a moment ago.
uint16_t free_port() {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ::close(descriptor);
  return ntohs(address.sin_port);
}

TEST(Serve, MetricsMayHaveAnAddressOfTheirOwnWithoutAKey) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "keys", "anna: 0123456789abcdef\n");
  const uint16_t port = free_port();
  const Outcome o =
      serve({"--api-key-file", (folder / "keys").string(), "--metrics-listen", "127.0.0.1:" + std::to_string(port)},
            [&](const Running& server) {
              EXPECT_EQ(server.ask("GET", "/metrics").status, 401);
              const Running metrics(server.process, port);
              const HttpAnswer told = metrics.ask("GET", "/metrics");
              EXPECT_EQ(told.status, 200);
              EXPECT_THAT(told.body, HasSubstr("newbie_jobs_waiting 0\n"));
              EXPECT_EQ(metrics.ask("GET", "/v1/jobs").status, 404) << "metrics alone";
            });
  EXPECT_EQ(o.exit_code, 0) << o.err;
}

TEST(Serve, TwoServersNeitherShareAPortNorAJournal) {
  const TemporaryFolder folder;
  const std::string jobs = (folder / "jobs").string();
  const Outcome o = serve({"--jobs", jobs}, [&](const Running& server) {
    const Outcome same_port = run({"serve", "--port", std::to_string(server.port())});
    EXPECT_NE(same_port.exit_code, 0);
    EXPECT_THAT(same_port.err, HasSubstr("cannot listen"));
    const Outcome same_jobs = run({"serve", "--port", "0", "--jobs", jobs});
    EXPECT_NE(same_jobs.exit_code, 0);
    EXPECT_THAT(same_jobs.err, HasSubstr("another server"));
  });
  EXPECT_EQ(o.exit_code, 0) << o.err;
}

}  // namespace
}  // namespace newbie::e2e
