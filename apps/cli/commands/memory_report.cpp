// newbie memory-report: logs of --memory-log as a page.
#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include "arguments.h"
#include "commands/commands.h"
#include "core/files.h"
#include "core/printable.h"
#include "file_roles.h"
#include "flags.h"
#include "memory_log.h"
#include "report/html.h"
#include "report/svg_plot.h"
#include "standard_streams.h"
#include "terminal.h"
#include "units.h"

namespace newbie {

namespace {

struct ReportFileArguments {
  std::vector<std::string> logs;
  std::string output = "memory.html";
};

double mib(size_t bytes) { return static_cast<double>(bytes) / kMebibyte; }

// Logs of one precision are told apart by their file.
std::vector<std::string> names_of(const std::vector<std::string>& files, const std::vector<MemoryRecord>& records) {
  std::map<std::string, int> times;
  for (const MemoryRecord& r : records) ++times[r.precision];
  std::vector<std::string> out;
  for (size_t i = 0; i < files.size(); ++i) {
    const std::string file = std::filesystem::path(files[i]).filename().string(), &precision = records[i].precision;
    out.push_back(precision.empty() ? file : times[precision] > 1 ? precision + ", " + file : precision);
  }
  return out;
}

std::vector<PlotMark> stages_of(const MemoryRecord& record) {
  std::vector<PlotMark> out;
  std::string before;
  for (const MemoryPoint& p : record.points) {
    if (!p.stage.empty() && p.stage != before) out.push_back({p.seconds, p.stage});
    before = p.stage;
  }
  return out;
}

PlotSeries series_of(const MemoryRecord& record, const std::string& name, size_t MemoryPoint::*field, int colour,
                     bool dashed) {
  PlotSeries out{.name = name, .colour = colour, .dashed = dashed};
  for (const MemoryPoint& p : record.points) {
    out.x.push_back(p.seconds);
    out.y.push_back(mib(p.*field));
  }
  return out;
}

std::string single_plot(const MemoryRecord& record) {
  LinePlot plot{.x = {.label = "seconds"}, .y = {.label = "MiB", .from_zero = true}, .marks = stages_of(record)};
  plot.series.push_back(series_of(record, "resident", &MemoryPoint::resident_bytes, 0, false));
  plot.series.push_back(series_of(record, "allocated", &MemoryPoint::allocated_bytes, 2, false));
  plot.series.push_back(series_of(record, "weights", &MemoryPoint::weights_bytes, 4, false));
  PlotSeries planned{.name = "planned, at most", .colour = 9, .dashed = true};
  for (const MemoryPoint& p : record.points) {
    planned.x.push_back(p.seconds);
    planned.y.push_back(p.planned_bytes != 0 ? mib(p.planned_bytes) : std::nan(""));
  }
  plot.series.push_back(std::move(planned));
  return line_plot(plot);
}

HtmlTable point_table(const std::vector<std::string>& names, const std::vector<MemoryRecord>& records) {
  HtmlTable out{.columns = {""}, .caption = "Allocated by the engine, and below it resident; MiB"};
  for (const std::string& name : names) out.columns.push_back(name);
  std::vector<std::string> order;
  for (const MemoryRecord& r : records)
    for (const MemoryPoint& p : r.points)
      if (p.step == 0 && std::ranges::find(order, p.name) == order.end()) order.push_back(p.name);
  for (const std::string& point : order) {
    std::vector<HtmlCell> row{{.text = point}};
    for (const MemoryRecord& r : records) {
      const auto found = std::ranges::find(r.points, point, &MemoryPoint::name);
      if (found == r.points.end())
        row.push_back({.text = "–", .mark = Mark::Quiet});
      else
        row.push_back({.text = fmt::format("{:.1f}", mib(found->allocated_bytes)),
                       .note = fmt::format("{:.1f} resident", mib(found->resident_bytes))});
    }
    out.rows.push_back(std::move(row));
  }
  return out;
}

void run(const CLI::App& parser, const ReportFileArguments& args) {
  Terminal terminal({});
  FileRoles(parser, {"--output"}, terminal).writes("--output", args.output);
  std::vector<MemoryRecord> records;
  for (const std::string& log : args.logs) records.push_back(read_memory_log(log));
  const std::vector<std::string> names = names_of(args.logs, records);
  HtmlPage page("Memory of a picture");
  page.paragraph(
      "Allocated: weights, arenas and buffers of the engine. Resident: what the process holds of the machine, "
      "program, libraries and mapped files included. Planned: what newbie plan says of the stage.");
  page.begin_figures();
  for (size_t i = 0; i < records.size(); ++i)
    page.figure(names[i], single_plot(records[i]),
                fmt::format("Peak {:.1f} MiB resident.", mib(records[i].points.back().peak_resident_bytes)));
  if (records.size() > 1) {
    LinePlot plot{.x = {.label = "seconds"}, .y = {.label = "MiB allocated", .from_zero = true}};
    for (size_t i = 0; i < records.size(); ++i)
      plot.series.push_back(series_of(records[i], names[i], &MemoryPoint::allocated_bytes, static_cast<int>(i), false));
    page.figure("Side by side", line_plot(plot), "Allocated.");
  }
  page.end_figures();
  page.section("At named points");
  page.table(point_table(names, records));
  write_file_atomically(args.output, page.str());
  print(in_one_line(args.output) + "\n");
}

}  // namespace

Command add_memory_report(CLI::App& program) {
  CLI::App& parser = *program.add_subcommand("memory-report", "logs of generate --memory-log as a page with plots");
  const auto args = std::make_shared<ReportFileArguments>();
  parser.add_option("LOG", args->logs, "files of --memory-log, one for each run")
      ->required()
      ->type_name("FILE")
      ->group("Files");
  Flags(parser, "Files").text("-o,--output", args->output, "FILE", fmt::format("(default: {})", args->output));
  parser.footer(R"(Example:
  newbie generate -p "1girl" --dtype bf16 --memory-log bf16.jsonl
  newbie generate -p "1girl" --dtype f32 --memory-log f32.jsonl
  newbie memory-report bf16.jsonl f32.jsonl -o memory.html)");
  return {&parser, [&parser, args] { run(parser, *args); }};
}

}  // namespace newbie
