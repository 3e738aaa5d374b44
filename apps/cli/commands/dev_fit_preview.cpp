// newbie dev fit-preview: the matrix that previews without a decoder are made with.
#include <memory>

#include "arguments.h"
#include "commands/commands.h"
#include "commands/dev.h"
#include "core/files.h"
#include "core/machine.h"
#include "core/printable.h"
#include "file_roles.h"
#include "generate/find_model.h"
#include "generate/latent_preview.h"
#include "image/picture_format.h"
#include "interrupt.h"
#include "standard_streams.h"

namespace newbie {

namespace {

struct FitArguments {
  EngineArguments engine;
  ReportArguments report;
  std::vector<std::string> pictures;
};

void run(const CLI::App& parser, FitArguments& args) {
  Terminal terminal(args.report.verbosity);
  const StopToken stop = stop_on_signals();
  const ModelPaths paths =
      args.engine.model.vae.empty() ? locate_model(find_model(args.engine.model)).paths : args.engine.model;
  const Vae vae = open_vae(paths.vae, terminal, paths.strictness);
  const std::filesystem::path out = preview_factors_path(vae.path);
  FileRoles(parser, {}, terminal).writes("the factors", out);
  Runtime runtime(args.engine.options.threads > 0 ? args.engine.options.threads : usable_cpus(),
                  resolve_precision(PrecisionRequest::F32, this_cpu()).policy,
                  make_backend(args.engine.options.backend, args.engine.options.device));
  std::vector<Image> pictures;
  for (const std::string& file : args.pictures) pictures.push_back(read_picture(file).image);
  const PreviewFactors factors = fit_preview(vae, runtime, pictures, stop);
  write_file_atomically(out, preview_factors_json(factors));
  if (args.report.json) return print_json({{"path", out.string()}, {"rms_error", factors.rms_error}});
  if (!args.report.verbosity.quiet)
    print(fmt::format("{}: fitted to {} pictures, rms error {:.4f} of 2\n", in_one_line(out.string()), pictures.size(),
                      factors.rms_error));
}

}  // namespace

Command add_dev_fit_preview(CLI::App& program) {
  CLI::App& parser =
      *dev_command(program).add_subcommand("fit-preview", "fit the linear previews of an autoencoder to pictures");
  const auto args = std::make_shared<FitArguments>();
  parser.add_option("FILE", args->pictures, "pictures as the model draws them, with many colours")->required();
  add_engine_flags(parser, args->engine);
  add_report_flags(parser, args->report);
  parser.footer(R"(Writes latent_preview.json beside the autoencoder, where newbie generate --preview looks for it.

Example:
  newbie dev fit-preview -m NewBie-image-Exp0.1 pictures/*.png)");
  return {&parser, [&parser, args] { run(parser, *args); }};
}

}  // namespace newbie
