// newbie profile: where the time of one network goes, op by op; also as a trace for chrome://tracing or Perfetto.
#include <algorithm>
#include <map>

#include "commands/commands.h"
#include "core/files.h"
#include "file_roles.h"
#include "flags.h"
#include "standard_streams.h"
#include "terminal.h"
#include "workload_arguments.h"

namespace newbie {

namespace {

struct ProfileArguments {
  WorkloadArguments work;
  ReportArguments report;
  std::optional<std::string> trace;
};

class Recorder final : public StepClock {
 public:
  struct Event {
    StepInfo step;
    Clock::time_point start, end;
    double seconds() const { return std::chrono::duration<double>(end - start).count(); }
  };
  void on_step(const StepInfo& step, Clock::time_point start, Clock::time_point end) override {
    events_.push_back({step, start, end});
  }
  const std::vector<Event>& events() const { return events_; }

 private:
  std::vector<Event> events_;
};

// Digits become *: the layers of a network share a row.
std::string row_name(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c < '0' || c > '9') {
      out += c;
    } else if (out.empty() || out.back() != '*') {
      if (out.empty() || out.back() == '.') {
        out += '*';
      } else {
        out += c;
      }
    }
  }
  return out;
}

struct ProfileRow {
  std::string name, kernel;
  int count = 0;
  double seconds = 0, flop = 0;
};

std::vector<ProfileRow> rows_of(const std::vector<Recorder::Event>& events) {
  std::map<std::string, ProfileRow> by_name;
  for (const Recorder::Event& e : events) {
    const std::string name = e.step.path.empty() ? e.step.op : fmt::format("{} ({})", row_name(e.step.path), e.step.op);
    ProfileRow& row = by_name[name + e.step.kernel];
    row.name = name;
    row.kernel = e.step.kernel;
    ++row.count;
    row.seconds += e.seconds();
    row.flop += e.step.flop;
  }
  std::vector<ProfileRow> rows;
  for (auto& [name, row] : by_name) rows.push_back(std::move(row));
  std::stable_sort(rows.begin(), rows.end(),
                   [](const ProfileRow& a, const ProfileRow& b) { return a.seconds > b.seconds; });
  return rows;
}

// https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU: complete events, microseconds.
std::string trace_of(const std::vector<Recorder::Event>& events) {
  OrderedJson list = OrderedJson::array();
  for (const Recorder::Event& e : events)
    list.push_back(
        {{"name", e.step.path.empty() ? e.step.op : e.step.path},
         {"cat", e.step.op},
         {"ph", "X"},
         {"pid", 1},
         {"tid", 1},
         {"ts", std::chrono::duration<double, std::micro>(e.start - events.front().start).count()},
         {"dur", e.seconds() * 1e6},
         {"args", {{"kernel", e.step.kernel}, {"shape", e.step.output.shape.str()}, {"gflop", e.step.flop / 1e9}}}});
  return OrderedJson{{"traceEvents", std::move(list)}, {"displayTimeUnit", "ms"}}.dump();
}

void run(const CLI::App& parser, ProfileArguments& args) {
  Terminal terminal(args.report.verbosity);
  if (args.trace) {
    FileRoles roles(parser, {"--trace"}, terminal);
    roles.reads_model(args.work.engine.model);
    roles.writes("--trace", *args.trace);
  }
  const PreparedWorkload prepared = prepare(args.work, terminal);
  prepared.workload->run();
  Recorder recorder;
  for (int i = 0; i < args.work.repeats; ++i) prepared.workload->run(&recorder);
  const std::vector<ProfileRow> rows = rows_of(recorder.events());
  double total = 0;
  for (const ProfileRow& row : rows) total += row.seconds;
  const auto runs = static_cast<double>(args.work.repeats);

  if (args.trace) write_file_atomically(*args.trace, trace_of(recorder.events()));
  if (args.report.json) {
    OrderedJson out = describe(args.work, prepared);
    out["seconds"] = total / runs;
    for (const ProfileRow& row : rows)
      out["rows"].push_back({{"name", row.name},
                             {"kernel", row.kernel},
                             {"count", row.count / args.work.repeats},
                             {"seconds", row.seconds / runs},
                             {"share", row.seconds / total},
                             {"gflop_per_second", row.flop / row.seconds / 1e9}});
    return print_json(out);
  }
  std::string table = fmt::format("{:>9} {:>6} {:>5} {:>9}  {}\n", "ms", "%", "times", "GFLOP/s", "what");
  for (const ProfileRow& row : rows)
    table += fmt::format("{:>9.2f} {:>6.1f} {:>5} {:>9}  {}  [{}]\n", row.seconds / runs * 1e3,
                         100 * row.seconds / total, row.count / args.work.repeats,
                         row.flop > 0 ? fmt::format("{:.0f}", row.flop / row.seconds / 1e9) : "", row.name, row.kernel);
  table +=
      fmt::format("{:>9.2f} {:>6.1f} {:>5} {:>9.0f}  {} in all, mean of {}\n", total / runs * 1e3, 100.0,
                  recorder.events().size() / static_cast<size_t>(args.work.repeats),
                  prepared.workload->flop() * runs / total / 1e9, to_string(args.work.spec.work), args.work.repeats);
  print(table);
}

}  // namespace

Command add_profile(CLI::App& program) {
  CLI::App& parser = *program.add_subcommand("profile", "print where the time of a network goes");
  const auto args = std::make_shared<ProfileArguments>();
  Flags flags(parser, "Work");
  flags.choice<Work>("--work", args->work.spec.work,
                     {{"step", Work::Step},
                      {"train", Work::Train},
                      {"text", Work::Text},
                      {"clip", Work::Clip},
                      {"vae", Work::Decode},
                      {"vae-encode", Work::Encode}},
                     "which network (default: step, a denoiser pass; train needs --lora-rank)");
  flags.text("--trace", args->trace, "FILE", "write a trace for chrome://tracing or ui.perfetto.dev, too");
  add_workload_flags(parser, args->work);
  add_report_flags(parser, args->report);
  parser.footer(R"(Weights are made up, at the published model's full size unless --model names another model.

Example:
  newbie profile --work step --size 512 --layers 4 --trace step.json)");
  return {&parser, [args, &parser] { run(parser, *args); }};
}

}  // namespace newbie
