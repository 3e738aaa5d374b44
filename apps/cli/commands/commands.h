// Every command of the program. A new one is a file here and a row in kCommands.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace newbie {

struct Command {
  const CLI::App* parser;
  std::function<void()> run;  // once everything is parsed; failures are Errors
};

Command add_generate(CLI::App& program);
Command add_plan(CLI::App& program);
Command add_prompt(CLI::App& program);
Command add_metadata(CLI::App& program);
Command add_samplers(CLI::App& program);
Command add_models(CLI::App& program);
Command add_inspect(CLI::App& program);
Command add_convert(CLI::App& program);
Command add_export(CLI::App& program);
Command add_lora(CLI::App& program);
Command add_precision(CLI::App& program);
Command add_evaluate(CLI::App& program);
Command add_overflow(CLI::App& program);
Command add_train(CLI::App& program);
Command add_compare(CLI::App& program);
Command add_merge_reports(CLI::App& program);
Command add_compare_training(CLI::App& program);
Command add_memory_report(CLI::App& program);
Command add_bench(CLI::App& program);
Command add_profile(CLI::App& program);
Command add_serve(CLI::App& program);
Command add_devices(CLI::App& program);
Command add_completions(CLI::App& program);
Command add_man(CLI::App& program);
Command add_dev_coverage(CLI::App& program);
Command add_dev_features(CLI::App& program);
Command add_dev_fit_preview(CLI::App& program);
Command add_dev_synthesize(CLI::App& program);

inline constexpr Command (*kCommands[])(CLI::App& program) = {add_generate,
                                                              add_plan,
                                                              add_prompt,
                                                              add_metadata,
                                                              add_samplers,
                                                              add_models,
                                                              add_inspect,
                                                              add_convert,
                                                              add_export,
                                                              add_lora,
                                                              add_train,
                                                              add_precision,
                                                              add_overflow,
                                                              add_evaluate,
                                                              add_compare,
                                                              add_compare_training,
                                                              add_merge_reports,
                                                              add_memory_report,
                                                              add_bench,
                                                              add_profile,
                                                              add_serve,
                                                              add_devices,
                                                              add_man,
                                                              add_completions,
                                                              add_dev_coverage,
                                                              add_dev_features,
                                                              add_dev_fit_preview,
                                                              add_dev_synthesize};

}  // namespace newbie
