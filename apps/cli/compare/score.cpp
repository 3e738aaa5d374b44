#include "compare/score.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>

#include "backend/peak.h"
#include "compare/table_file.h"
#include "core/machine.h"
#include "evaluate/evaluation.h"
#include "evaluate/extractor.h"
#include "evaluate/picture_metrics.h"
#include "evaluate/picture_set.h"
#include "evaluate_report.h"
#include "generate/find_model.h"
#include "watch_on.h"

namespace newbie {

namespace {

namespace fs = std::filesystem;

constexpr size_t kSplits = 10;
constexpr int kVisibleLevels = 2;

// Features of a row's pictures, and which pictures they are of.
struct RowFeatures {
  FeatureMatrix features;
  std::vector<size_t> indices;
};

// The rows of `set` that are of `wanted` pictures, in that order.
FeatureMatrix rows_of(const RowFeatures& set, std::span<const size_t> wanted) {
  std::vector<size_t> rows;
  for (const size_t index : wanted)
    rows.push_back(static_cast<size_t>(std::ranges::lower_bound(set.indices, index) - set.indices.begin()));
  return select_rows(set.features, rows);
}

std::vector<size_t> in_both(std::span<const size_t> a, std::span<const size_t> b) {
  std::vector<size_t> out;
  std::ranges::set_intersection(a, b, std::back_inserter(out));
  return out;
}

class Scorer {
 public:
  Scorer(const CompareSettings& settings, const CompareStore& store, const ScoreOptions& options, Terminal& terminal,
         StopToken stop)
      : settings_(settings),
        store_(store),
        options_(options),
        terminal_(terminal),
        stop_(stop),
        runtime_(evaluation_runtime(threads())) {}

  CompareReport run() {
    CompareReport out{.device = this_cpu().name, .threads = threads()};
    for (const PeakRate& rate : measure_peak(runtime_.pool))
      out.peak_operations[rate.dtype] = std::max(out.peak_operations[rate.dtype], rate.operations);
    for (const CompareRow& row : settings_.rows) {
      results_.push_back(read_results(row));
      out.rows.push_back(summary_of(row, results_.back()));
    }
    score_pictures(out);
    for (size_t i = 1; i < out.rows.size(); ++i) out.rows[i].pairs = compare_pictures(i);
    terminal_.clear_bar();
    return out;
  }

 private:
  using Results = std::vector<std::optional<PictureResult>>;

  int threads() const {
    const int given = settings_.engine.options.threads;
    return given > 0 ? given : usable_cpus();
  }
  Watch quietly() const {
    return {[](size_t, size_t) {}, stop_};
  }
  BootstrapOptions of_means() const { return {options_.mean_resamples, options_.seed}; }

  Results read_results(const CompareRow& row) const {
    Results out;
    for (size_t i = 0; i < settings_.pictures.size(); ++i) out.push_back(store_.find(row, i));
    return out;
  }

  RowReport summary_of(const CompareRow& row, const Results& results) const {
    RowReport out{.row = row, .precision = resolve_precision(row.preset, this_cpu()), .asked = results.size()};
    std::vector<double> seconds, step_seconds, operations;
    std::map<std::string, size_t> problems;
    std::vector<const PictureResult*> others;
    for (const auto& r : results) {
      if (!r) continue;
      out.drawn += r->drawn;
      out.good += r->good;
      if (!r->error.empty()) ++problems[r->error];
      for (const GuardEvent& e : r->events) ++problems[fmt::format("{}: {}: {}", e.where, e.problem, e.action)];
      if (!r->drawn) continue;
      operations.push_back(r->operations);
      if (!r->timed_apart && (!r->warm || r->observed)) {
        others.push_back(&*r);
        continue;
      }
      if (r->measured_peak_bytes >= out.largest.measured_peak_bytes) out.largest = *r;
      seconds.push_back(r->seconds);
      if (r->evaluations > 0) step_seconds.push_back(r->denoise_seconds / static_cast<double>(r->evaluations));
    }
    // A comparison of one or two pictures has no others. Looking at values takes memory of its own.
    if (seconds.empty())
      for (const PictureResult* r : others)
        if (r->measured_peak_bytes >= out.largest.measured_peak_bytes) out.largest = *r;
    out.seconds = quantiles_of(seconds);
    out.step_seconds = quantiles_of(step_seconds);
    if (!operations.empty()) out.operations = quantile_of(operations, 0.5);
    for (const auto& [words, times] : problems) out.problems.push_back({words, times});
    std::ranges::stable_sort(out.problems, std::ranges::greater(), &Problem::pictures);
    out.values = summarize_values(results);
    return out;
  }

  static std::vector<ValueSummary> summarize_values(const Results& results) {
    struct Seen {
      std::vector<double> errors;
      double least_cosine = 1;
    };
    std::vector<std::tuple<std::string, int, std::string>> order;
    std::map<std::tuple<std::string, int, std::string>, Seen> seen;
    for (const auto& r : results) {
      if (!r) continue;
      for (const ValueDrift& v : r->values) {
        const auto [it, fresh] = seen.try_emplace({v.stage, v.evaluation, v.path});
        if (fresh) order.push_back(it->first);
        it->second.errors.push_back(v.drift.relative_error);
        if (!(v.drift.cosine >= it->second.least_cosine)) it->second.least_cosine = v.drift.cosine;  // NaN is less, too
      }
    }
    std::vector<ValueSummary> out;
    for (const auto& key : order) {
      const Seen& s = seen.at(key);
      out.push_back({.stage = std::get<0>(key),
                     .path = std::get<2>(key),
                     .evaluation = std::get<1>(key),
                     .relative_error = *quantiles_of(s.errors),
                     .least_cosine = s.least_cosine});
    }
    return out;
  }

  std::vector<size_t> good_ones(size_t row) const {
    std::vector<size_t> out;
    for (size_t i = 0; i < results_[row].size(); ++i)
      if (results_[row][i] && results_[row][i]->good) out.push_back(i);
    return out;
  }

  RowFeatures features_of(size_t row, ImageExtractor& extractor) const {
    const std::string& name = settings_.rows[row].name;
    RowFeatures out{.features = {.columns = extractor.dimension(), .values = {}}, .indices = good_ones(row)};
    std::vector<float> one(extractor.dimension());
    const Watch watch = watch_on(terminal_, stop_, fmt::format("features of {}", name));
    for (size_t i = 0; i < out.indices.size(); ++i) {
      extractor.extract(read_rgb(store_.picture(settings_.rows[row], out.indices[i])), one, stop_);
      out.features.values.insert(out.features.values.end(), one.begin(), one.end());
      watch.on_item(i + 1, out.indices.size());
    }
    return out;
  }

  std::vector<RowFeatures> features_of_all(ImageExtractor& extractor) const {
    std::vector<RowFeatures> out;
    for (size_t row = 0; row < settings_.rows.size(); ++row) out.push_back(features_of(row, extractor));
    return out;
  }

  // Features of each picture's prompt.
  FeatureMatrix prompt_features(JinaExtractor& jina) const {
    std::vector<std::string> texts;
    std::map<std::string, size_t> known;
    std::vector<size_t> of_picture;
    for (const GenerateRequest& r : settings_.pictures) {
      const auto [it, fresh] = known.emplace(r.prompt, texts.size());
      if (fresh) texts.push_back(r.prompt);
      of_picture.push_back(it->second);
    }
    const JinaExtractor::TextFeatures out =
        jina.extract_texts(texts, watch_on(terminal_, stop_, "features of prompts"));
    if (out.cut != 0) terminal_.warn("{} prompts are too long for Jina CLIP to be read to their ends", out.cut);
    return select_rows(out.features, of_picture);
  }

  void score_pictures(CompareReport& out) {
    std::unique_ptr<JinaExtractor> jina;
    try {
      jina = std::make_unique<JinaExtractor>(runtime_, find_clip_model(settings_.engine.model), terminal_);
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::Unsupported) throw;
      terminal_.warn("no CLIP score: {}", e.message());
    }
    std::unique_ptr<ImageExtractor> inception;
    if (options_.inception) inception = inception_extractor(runtime_, *options_.inception, options_.inception_input);
    ImageExtractor* const extractor = inception ? inception.get() : static_cast<ImageExtractor*>(jina.get());
    if (extractor == nullptr) return;
    std::vector<RowFeatures> sets;
    if (jina) {
      sets = features_of_all(*jina);
      score_captions(out, sets, *jina);
    }
    if (inception) sets = features_of_all(*inception);
    out.extractor = extractor->name();
    if (options_.reference) {
      const PictureList list = list_pictures(*options_.reference);
      const ExtractedSet reference =
          extract_set(list, *extractor, watch_on(terminal_, stop_, fmt::format("features of {}", list.where.string())));
      warn_about(list, reference, *extractor, terminal_);
      for (size_t row = 0; row < sets.size(); ++row) {
        out.rows[row].fid = distance_of("fid", row, sets, reference.features, frechet_report, paired_frechet_distance);
        out.rows[row].kid = distance_of("kid", row, sets, reference.features, kernel_report, paired_kernel_distance);
      }
    }
    for (size_t row = 1; row < sets.size(); ++row) {
      out.rows[row].fid_f32 = distance_to_f32("fid to f32", row, sets, frechet_report);
      out.rows[row].kid_f32 = distance_to_f32("kid to f32", row, sets, kernel_report);
    }
  }

  using Report = SetDistance (*)(const FeatureMatrix& a, const FeatureMatrix& b, Sets sets,
                                 const DistanceOptions& options, ThreadPool& pool, const Watch& watch);
  using Paired = PairedDistance (*)(const FeatureMatrix& first, const FeatureMatrix& second,
                                    const FeatureMatrix& reference, const BootstrapOptions& options, ThreadPool& pool,
                                    const Watch& watch);

  DistanceOptions distance_options() const {
    DistanceOptions out{.resamples = options_.distance_resamples, .splits = kSplits, .seed = options_.seed};
    out.subsets.seed = options_.seed;
    return out;
  }

  std::optional<RowDistance> distance_of(const char* what, size_t row, const std::vector<RowFeatures>& sets,
                                         const FeatureMatrix& reference, Report report, Paired paired) const {
    const RowFeatures& set = sets[row];
    if (set.features.rows() < 2 || reference.rows() < 2) return std::nullopt;
    const DistanceOptions options = distance_options();
    const Watch watch = watch_on(terminal_, stop_, fmt::format("{} of {}", what, settings_.rows[row].name));
    RowDistance out{.distance = report(set.features, reference, Sets::Independent, options, runtime().pool, watch),
                    .difference = {}};
    const std::vector<size_t> both = in_both(set.indices, sets[0].indices);
    if (row != 0 && settings_.rows[row].is_paired() && both.size() >= 2)
      out.difference = paired(rows_of(set, both), rows_of(sets[0], both), reference, {options.resamples, options.seed},
                              runtime().pool, watch);
    return out;
  }

  // Pictures of the same prompts and seeds are pairs; those of other seeds are not.
  std::optional<RowDistance> distance_to_f32(const char* what, size_t row, const std::vector<RowFeatures>& sets,
                                             Report report) const {
    const bool paired = settings_.rows[row].is_paired();
    const std::vector<size_t> both = in_both(sets[row].indices, sets[0].indices);
    const FeatureMatrix here = paired ? rows_of(sets[row], both) : sets[row].features,
                        there = paired ? rows_of(sets[0], both) : sets[0].features;
    if (here.rows() < 2 || there.rows() < 2) return std::nullopt;
    const Watch watch = watch_on(terminal_, stop_, fmt::format("{} of {}", what, settings_.rows[row].name));
    return RowDistance{.distance = report(here, there, paired ? Sets::Paired : Sets::Independent, distance_options(),
                                          runtime().pool, watch),
                       .difference = {}};
  }

  void score_captions(CompareReport& out, const std::vector<RowFeatures>& sets, JinaExtractor& jina) const {
    const FeatureMatrix texts = prompt_features(jina);
    std::vector<std::vector<double>> cosines;
    for (size_t row = 0; row < settings_.rows.size(); ++row) {
      cosines.push_back(row_cosines(sets[row].features, select_rows(texts, sets[row].indices)));
      if (cosines.back().empty()) continue;
      out.rows[row].clip = clip_score(cosines.back(), jina.logit_scale(), of_means(), runtime().pool, quietly());
      if (row == 0 || !settings_.rows[row].is_paired()) continue;
      std::vector<double> here, there;
      for (const size_t index : in_both(sets[row].indices, sets[0].indices)) {
        const auto at = [&](size_t r) {
          return cosines[r][static_cast<size_t>(std::ranges::lower_bound(sets[r].indices, index) -
                                                sets[r].indices.begin())];
        };
        here.push_back(at(row));
        there.push_back(at(0));
      }
      if (here.size() >= 2) out.rows[row].clip_difference = paired_difference(here, there);
    }
  }

  std::optional<PairSummary> compare_pictures(size_t row) const {
    if (!settings_.rows[row].is_paired()) return std::nullopt;
    const std::vector<size_t> both = in_both(good_ones(row), good_ones(0));
    if (both.empty()) return std::nullopt;
    PairSummary out{.n = both.size()};
    std::vector<double> errors(both.size()), similarities(both.size()), shares(both.size());
    const Watch watch = watch_on(terminal_, stop_, fmt::format("pictures of {}", settings_.rows[row].name));
    const auto at_once = static_cast<size_t>(threads());
    for (size_t first = 0; first < both.size(); first += at_once) {
      stop_.throw_if_stopped();
      const size_t count = std::min(at_once, both.size() - first);
      runtime().pool.run(static_cast<int64_t>(count), [&](int64_t offset, int) {
        const size_t i = first + static_cast<size_t>(offset);
        const Image a = read_rgb(store_.picture(settings_.rows[row], both[i])),
                    b = read_rgb(store_.picture(settings_.rows[0], both[i]));
        errors[i] = mean_squared_error(a, b);
        similarities[i] = ssim(a, b);
        shares[i] = share_beyond(a, b, kVisibleLevels);
      });
      watch.on_item(first + count, both.size());
    }
    std::vector<double> finite;
    for (const double error : errors) {
      out.psnr.push_back(psnr_of(error));
      error == 0 ? static_cast<void>(++out.identical) : finite.push_back(out.psnr.back());
    }
    out.psnr_of_mean_error = psnr_of(spread_of(errors).mean);
    out.psnr_quantiles = quantiles_of(finite).value_or(Quantiles{});
    out.ssim = estimate_mean(similarities, of_means(), runtime().pool, quietly());
    out.worst_ssim = *std::ranges::min_element(similarities);
    out.share_beyond_2 = estimate_mean(shares, of_means(), runtime().pool, quietly());
    add_latents(row, both, out);
    return out;
  }

  void add_latents(size_t row, std::span<const size_t> pictures, PairSummary& out) const {
    for (size_t step = 0;; ++step) {
      std::vector<double> errors, cosines;
      for (const size_t i : pictures) {
        const PictureResult& r = *results_[row][i];
        if (step >= r.steps.size()) continue;
        errors.push_back(r.steps[step].relative_error);
        cosines.push_back(r.steps[step].cosine);
      }
      if (errors.empty()) return;
      out.latent_error.push_back(*quantiles_of(errors));
      out.latent_cosine.push_back(quantile_of(cosines, 0.5));
    }
  }

  Runtime& runtime() const { return runtime_; }

  const CompareSettings& settings_;
  const CompareStore& store_;
  const ScoreOptions& options_;
  Terminal& terminal_;
  StopToken stop_;
  mutable Runtime runtime_;  // threads are no part of what is scored
  std::vector<Results> results_;
};

}  // namespace

std::optional<Quantiles> quantiles_of(std::span<const double> values) {
  if (values.empty()) return std::nullopt;
  std::vector<double> sorted(values.begin(), values.end());
  // A value that is no number is worse than all that are.
  for (double& v : sorted)
    if (std::isnan(v)) v = std::numeric_limits<double>::infinity();
  std::ranges::sort(sorted);
  return Quantiles{.n = sorted.size(),
                   .low = quantile_of(sorted, 0.05),
                   .median = quantile_of(sorted, 0.5),
                   .high = quantile_of(sorted, 0.95)};
}

CompareReport score_comparison(const CompareSettings& settings, const CompareStore& store, const ScoreOptions& options,
                               Terminal& terminal, StopToken stop) {
  CompareReport out = Scorer(settings, store, options, terminal, stop).run();
  out.findings = check_table(table_of(out));
  return out;
}

}  // namespace newbie
