#include "evaluate/evaluation.h"

#include <algorithm>

#include "core/error.h"
#include "evaluate/score_json.h"
#include "generate/init_picture.h"

namespace newbie {

namespace {

namespace fs = std::filesystem;

constexpr size_t kDistanceResamples = 1000, kMeanResamples = 2000;

struct MetricRow {
  Metric metric;
  std::string_view name;
  size_t resamples;
  bool needs_second;
};
constexpr MetricRow kMetrics[] = {{Metric::Fid, "fid", kDistanceResamples, true},
                                  {Metric::Kid, "kid", kDistanceResamples, true},
                                  {Metric::ClipScore, "clip-score", kMeanResamples, false},
                                  {Metric::Psnr, "psnr", 0, true},
                                  {Metric::Ssim, "ssim", kMeanResamples, true}};
const MetricRow& row_of(Metric metric) { return *std::ranges::find(kMetrics, metric, &MetricRow::metric); }

void warn_about_others(const PictureList& pictures, Log& log) {
  if (pictures.others != 0)
    log.warn("{}: {} files are no pictures and are left out", pictures.where.string(), pictures.others);
}

std::string features_of(const PictureList& pictures) { return fmt::format("features of {}", pictures.where.string()); }

CaptionFit find_caption_fit(const std::string& folder, const Captions& captions, const EvaluationOptions& options,
                            JinaExtractor& extractor, const Evaluator& by) {
  CaptionFit out{.pictures = list_pictures(folder), .set = {}, .cosines = {}, .score = {}};
  const Watch watch = by.watch(features_of(out.pictures));
  out.set = extract_captioned(out.pictures, captions, extractor, watch, by.memory_bytes);
  warn_about(out.pictures, out.set.images, extractor, by.log);
  if (!out.set.uncaptioned.empty())
    by.log.warn("{}: {} pictures have no caption and are left out; the first: {}", folder, out.set.uncaptioned.size(),
                out.set.uncaptioned.front().string());
  if (out.set.cut != 0) by.log.warn("{}: {} captions are too long to be read to their ends", folder, out.set.cut);
  out.cosines = row_cosines(out.set.images.features, out.set.texts);
  out.score = clip_score(out.cosines, extractor.logit_scale(), {options.resamples, options.seed}, by.runtime.pool,
                         {.stop = watch.stop});
  return out;
}

// Rows of the features of pictures of the same names.
struct PairedRows {
  std::vector<size_t> first, second;
};
PairedRows pair_rows(const PictureList& a, const ExtractedSet& of_a, const PictureList& b, const ExtractedSet& of_b) {
  const auto row_of = [](const ExtractedSet& set, const fs::path& file) {
    return static_cast<size_t>(std::ranges::find(set.files, file) - set.files.begin());
  };
  PairedRows out;
  for (const auto& [x, y] : pair_pictures({a.where, of_a.files}, {b.where, of_b.files}).pairs) {
    out.first.push_back(row_of(of_a, x));
    out.second.push_back(row_of(of_b, y));
  }
  return out;
}

MeanEstimate difference_of(const CaptionFit& a, const CaptionFit& b, const EvaluationOptions& options) {
  const PairedRows rows = pair_rows(a.pictures, a.set.images, b.pictures, b.set.images);
  std::vector<double> first, second;
  for (const size_t row : rows.first) first.push_back(a.cosines[row]);
  for (const size_t row : rows.second) second.push_back(b.cosines[row]);
  return paired_difference(first, second, options.resamples != 0);
}

Beside find_beside(Metric metric, const DistanceFound& found, PictureList pictures, ExtractedSet set,
                   const Evaluator& by) {
  Beside out{.pictures = std::move(pictures), .set = std::move(set), .pairs = 0, .less = {}};
  const PairedRows rows = pair_rows(found.a, found.of_a, out.pictures, out.set);
  out.pairs = rows.first.size();
  const size_t alone = found.of_a.files.size() + out.set.files.size() - 2 * out.pairs;
  if (alone != 0)
    by.log.warn("{} and {}: {} pictures have no counterpart of their name and are left out of the difference",
                found.a.where.string(), out.pictures.where.string(), alone);
  const auto distance = metric == Metric::Fid ? paired_frechet_distance : paired_kernel_distance;
  out.less = distance(select_rows(found.of_a.features, rows.first), select_rows(out.set.features, rows.second),
                      found.of_b.features, {found.options.resamples, found.options.seed}, by.runtime.pool,
                      by.watch(fmt::format("{}, paired", found.metric)));
  return out;
}

using PairValue = std::function<double(const Image&, const Image&)>;

// value(a, b), each of them within `most_bytes`.
double of_pair(const PicturePairs::Pair& pair, const PairValue& value, size_t most_bytes) {
  const Image x = read_rgb(pair.a, most_bytes), y = read_rgb(pair.b, most_bytes);
  try {
    return value(x, y);
  } catch (const Error& e) {
    throw Error(e.kind(), fmt::format("{} and {}: {}", pair.a.string(), pair.b.string(), e.message()), e.hint());
  }
}

// That of every pair, on all threads; pairs that are too large for that one by one.
std::vector<double> over_pairs(const PicturePairs& pairs, const PairValue& value, const Evaluator& by,
                               const Watch& watch) {
  const size_t count = pairs.pairs.size();
  std::vector<double> out(count);
  const auto at_once = static_cast<size_t>(by.runtime.pool.size());
  for (size_t first = 0; first < count; first += at_once) {
    watch.stop.throw_if_stopped();
    const size_t now = std::min(at_once, count - first), left = memory_left_for_pictures(by.memory_bytes);
    std::vector<char> is_large(now, 0);  // each thread writes its own
    by.runtime.pool.run(static_cast<int64_t>(now), [&](int64_t index, int) {
      const auto i = static_cast<size_t>(index);
      try {
        out[first + i] = of_pair(pairs.pairs[first + i], value, left / (2 * now));
      } catch (const Error& e) {
        if (e.kind() != ErrorKind::OverBudget) throw;
        is_large[i] = 1;
      }
    });
    for (size_t i = 0; i < now; ++i)
      if (is_large[i] != 0) out[first + i] = of_pair(pairs.pairs[first + i], value, left / 2);
    watch.on_item(first + now, count);
  }
  return out;
}

// Unlike quantile_of, of infinite values, too: equal pictures have them.
double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

OrderedJson caption_fit_json(const CaptionFit& fit) {
  OrderedJson out = set_json(fit.pictures, fit.set.images);
  out["uncaptioned"] = fit.set.uncaptioned.size();
  out["cut_captions"] = fit.set.cut;
  out["score"] = clip_score_json(fit.score);
  return out;
}

std::optional<Metric> find_metric(std::string_view name) {
  const auto* row = std::ranges::find(kMetrics, name, &MetricRow::name);
  return row == std::end(kMetrics) ? std::nullopt : std::optional(row->metric);
}

std::string metric_names() {
  std::string out;
  for (const MetricRow& row : kMetrics) out += (out.empty() ? "" : ", ") + std::string(row.name);
  return out;
}

// Takes members off an object by name; what is left at the end is not known.
class Members {
 public:
  explicit Members(const OrderedJson& json) : rest_(json) {
    if (!json.is_object()) fail(ErrorKind::InvalidRequest, "an evaluation: expected an object");
  }

  std::optional<std::string> text(const char* name) {
    const OrderedJson value = take(name);
    if (value.is_null()) return std::nullopt;
    if (!value.is_string()) fail(ErrorKind::InvalidRequest, "{}: expected a text", name);
    return value.get<std::string>();
  }
  template <typename T>
  void number(const char* name, T& out) {
    const OrderedJson value = take(name);
    if (value.is_null()) return;
    if (!value.is_number_unsigned()) fail(ErrorKind::InvalidRequest, "{}: expected a whole number, 0 or more", name);
    out = value.get<T>();
  }
  // One of `choices`, by to_string().
  template <typename T, size_t N>
  void choice(const char* name, T& out, const std::pair<std::string_view, T> (&choices)[N]) {
    const auto given = text(name);
    if (!given) return;
    const auto* found = std::ranges::find(choices, *given, &std::pair<std::string_view, T>::first);
    if (found == std::end(choices)) fail(ErrorKind::InvalidRequest, "{}: unknown value '{}'", name, *given);
    out = found->second;
  }
  void require_no_more() const {
    if (!rest_.empty()) fail(ErrorKind::InvalidRequest, "an evaluation: there is no '{}'", rest_.begin().key());
  }

 private:
  OrderedJson take(const char* name) {
    const auto at = rest_.find(name);
    if (at == rest_.end()) return nullptr;
    OrderedJson out = std::move(*at);
    rest_.erase(name);
    return out;
  }

  OrderedJson rest_;
};

}  // namespace

void warn_about(const PictureList& pictures, const ExtractedSet& set, const ImageExtractor& extractor, Log& log) {
  const std::string where = pictures.where.string();
  warn_about_others(pictures, log);
  if (!set.unreadable.empty())
    log.warn("{}: {} pictures cannot be read and are left out; the first: {}", where, set.unreadable.size(),
             set.unreadable.front().why);
  if (set.not_square != 0 && extractor.name() == "jina-clip")
    log.warn("{}: {} pictures are not square: jina-clip sees their middle alone", where, set.not_square);
}

std::string_view to_string(Metric metric) { return row_of(metric).name; }
size_t default_resamples(Metric metric) { return row_of(metric).resamples; }

Evaluation evaluation_of(const OrderedJson& json) {
  Members members(json);
  Evaluation out;
  const std::string name = members.text("metric").value_or("");
  const auto metric = find_metric(name);
  if (!metric)
    fail_with_hint(ErrorKind::InvalidRequest, "possible: " + metric_names(), "metric: unknown value '{}'", name);
  out.metric = *metric;
  out.a = members.text("a").value_or("");
  out.b = members.text("b").value_or("");
  if (out.a.empty() || (out.b.empty() && row_of(out.metric).needs_second))
    fail(ErrorKind::InvalidRequest, "{}: {} is needed", name, out.a.empty() ? "a" : "b");
  EvaluationOptions& o = out.options;
  if (auto path = members.text("inception")) o.inception = *path;
  members.choice("inception_input", o.inception_input,
                 {{to_string(InceptionInput::Clean), InceptionInput::Clean},
                  {to_string(InceptionInput::PytorchFid), InceptionInput::PytorchFid},
                  {to_string(InceptionInput::TensorFlow), InceptionInput::TensorFlow}});
  if (auto path = members.text("captions")) o.captions = *path;
  o.caption_key = members.text("caption_key").value_or("");
  if (auto path = members.text("beside")) o.beside = *path;
  o.resamples = default_resamples(out.metric);
  members.number("resamples", o.resamples);
  members.number("splits", o.splits);
  members.number("subsets", o.subsets.subsets);
  members.number("subset_size", o.subsets.most);
  members.number("seed", o.seed);
  members.choice(
      "border", o.border,
      {{to_string(SsimBorder::Reflect), SsimBorder::Reflect}, {to_string(SsimBorder::Valid), SsimBorder::Valid}});
  members.require_no_more();
  constexpr size_t kMostResamples = 1'000'000, kMostSubsets = 100'000, kMostSplits = 10'000;
  if (o.subsets.subsets < 1 || o.subsets.most < 2)
    fail(ErrorKind::InvalidRequest, "subsets and subset_size: expected at least 1 and 2");
  if (o.resamples > kMostResamples || o.splits > kMostSplits || o.subsets.subsets > kMostSubsets)
    fail(ErrorKind::InvalidRequest, "resamples, splits and subsets: expected up to {}, {} and {}", kMostResamples,
         kMostSplits, kMostSubsets);
  return out;
}

DistanceFound find_distance(const Evaluation& asked, const Evaluator& by) {
  const EvaluationOptions& o = asked.options;
  DistanceFound out{.metric = {},
                    .a = list_pictures(asked.a),
                    .b = list_pictures(asked.b),
                    .of_a = {},
                    .of_b = {},
                    .distance = {},
                    .beside = {},
                    .options = {.resamples = o.resamples, .splits = o.splits, .seed = o.seed, .subsets = o.subsets}};
  out.options.subsets.seed = o.seed;
  std::unique_ptr<ImageExtractor> extractor;
  if (o.inception)
    extractor = inception_extractor(by.runtime, *o.inception, o.inception_input);
  else
    extractor = std::make_unique<JinaExtractor>(by.runtime, by.clip_model(), by.log);
  const auto extract = [&](const PictureList& pictures) {
    ExtractedSet set = extract_set(pictures, *extractor, by.watch(features_of(pictures)), by.memory_bytes);
    warn_about(pictures, set, *extractor, by.log);
    return set;
  };
  out.of_a = extract(out.a);
  out.of_b = extract(out.b);
  out.metric = fmt::format("{}[{}]", to_string(asked.metric), extractor->name());
  const auto report = asked.metric == Metric::Fid ? frechet_report : kernel_report;
  out.distance = report(out.of_a.features, out.of_b.features, Sets::Independent, out.options, by.runtime.pool,
                        by.watch(out.metric));
  const SetDistance& d = out.distance;
  if (d.gram)
    by.log.warn(
        "{} and {} pictures for features of {} numbers: the covariances are singular (exact Gram form); compare "
        "such values only at equal N, or take kid",
        d.rows_a, d.rows_b, d.dimension);
  if (o.beside) {
    PictureList pictures = list_pictures(*o.beside);
    ExtractedSet set = extract(pictures);
    out.beside = find_beside(asked.metric, out, std::move(pictures), std::move(set), by);
  }
  return out;
}

OrderedJson found_json(const DistanceFound& found) {
  OrderedJson out = distance_json(found.metric, found.distance, found.options);
  out["a"] = set_json(found.a, found.of_a);
  out["b"] = set_json(found.b, found.of_b);
  if (found.beside) {
    out["beside"] = set_json(found.beside->pictures, found.beside->set);
    OrderedJson& less =
        out["paired_difference"] = {{"n", found.beside->pairs}, {"value", found.beside->less.difference}};
    add_sureness(less, found.beside->less.sureness);
    less["excludes_zero"] = excludes_zero(found.beside->less.sureness);
  }
  return out;
}

CaptionFitsFound find_caption_fits(const Evaluation& asked, const Evaluator& by) {
  const EvaluationOptions& o = asked.options;
  const Captions captions = o.captions ? read_captions(*o.captions, o.caption_key) : Captions();
  JinaExtractor extractor(by.runtime, by.clip_model(), by.log);
  CaptionFitsFound out{.metric = fmt::format("{}[{}]", to_string(asked.metric), extractor.name()),
                       .a = find_caption_fit(asked.a, captions, o, extractor, by),
                       .b = {},
                       .difference = {},
                       .options = o};
  if (asked.b.empty()) return out;
  out.b = find_caption_fit(asked.b, captions, o, extractor, by);
  out.difference = difference_of(out.a, *out.b, o);
  return out;
}

OrderedJson found_json(const CaptionFitsFound& found) {
  OrderedJson out{{"metric", found.metric},
                  {"confidence", 0.95},
                  {"resamples", found.options.resamples},
                  {"seed", found.options.seed}};
  out["a"] = caption_fit_json(found.a);
  if (!found.b) return out;
  out["b"] = caption_fit_json(*found.b);
  out["paired_difference"] = mean_json(*found.difference);
  out["paired_difference"]["excludes_zero"] = excludes_zero(found.difference->sureness);
  return out;
}

PairsFound find_pairs(const Evaluation& asked, const Evaluator& by) {
  const EvaluationOptions& o = asked.options;
  const bool is_ssim = asked.metric == Metric::Ssim;
  PairsFound out{.metric = std::string(to_string(asked.metric)),
                 .a = list_pictures(asked.a),
                 .b = list_pictures(asked.b),
                 .pairs = {},
                 .values = {},
                 .mean = {},
                 .options = o};
  out.pairs = pair_pictures(out.a, out.b);
  const Watch watch = by.watch(out.metric);
  const auto similarity = [&](const Image& x, const Image& y) { return ssim(x, y, o.border); };
  out.values = over_pairs(out.pairs, is_ssim ? PairValue(similarity) : PairValue(mean_squared_error), by, watch);
  for (const PictureList* list : {&out.a, &out.b}) warn_about_others(*list, by.log);
  if (!out.pairs.alone.empty())
    by.log.warn("{} pictures have no counterpart of their name and are left out; the first: {}", out.pairs.alone.size(),
                out.pairs.alone.front());
  if (is_ssim) {
    out.metric = fmt::format("ssim[{}]", to_string(o.border));
    out.mean = estimate_mean(out.values, {o.resamples, o.seed}, by.runtime.pool, {.stop = watch.stop});
  } else {
    out.identical = static_cast<size_t>(std::ranges::count(out.values, 0.0));
    out.of_mean = psnr_of(spread_of(out.values).mean);
    std::ranges::transform(out.values, out.values.begin(), psnr_of);
  }
  out.median = median_of(out.values);
  out.worst = *std::ranges::min_element(out.values);
  return out;
}

OrderedJson found_json(const PairsFound& found) {
  OrderedJson out{{"metric", found.metric}, {"range", 255}};
  if (found.mean) {
    out["window"] = "gaussian 11x11, sigma 1.5";
    out["confidence"] = 0.95;
    out["resamples"] = found.options.resamples;
    out["seed"] = found.options.seed;
    out.update(mean_json(*found.mean));
  } else {
    out["n"] = found.values.size();
    out["of_mean_squared_error"] = number_json(found.of_mean);
    out["identical"] = found.identical;
  }
  out["median"] = number_json(found.median);
  out["worst"] = number_json(found.worst);
  out["alone"] = found.pairs.alone;
  out["pairs"] = OrderedJson::array();
  for (size_t i = 0; i < found.values.size(); ++i)
    out["pairs"].push_back({{"a", found.pairs.pairs[i].a.string()},
                            {"b", found.pairs.pairs[i].b.string()},
                            {"value", number_json(found.values[i])}});
  return out;
}

OrderedJson evaluate(const Evaluation& asked, const Evaluator& by) {
  switch (asked.metric) {
    case Metric::Fid:
    case Metric::Kid: return found_json(find_distance(asked, by));
    case Metric::ClipScore: return found_json(find_caption_fits(asked, by));
    case Metric::Psnr:
    case Metric::Ssim: return found_json(find_pairs(asked, by));
  }
  return {};
}

}  // namespace newbie
