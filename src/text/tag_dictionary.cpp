#include "text/tag_dictionary.h"

#include <algorithm>
#include <string>
#include <unordered_map>

namespace newbie {
namespace {

struct Row {
  std::string_view element;
  std::string_view tags;  // separated by blanks
};

constexpr Row kWhole[] = {
    {"count",
     "solo solo_focus no_humans multiple_girls multiple_boys multiple_others 1other 2others 6+girls 6+boys 6+others "
     "group couple male_focus crowd everyone"},
    {"appearance",
     "ahoge ponytail high_ponytail low_ponytail side_ponytail twintails low_twintails short_twintails two_side_up "
     "one_side_up braid single_braid twin_braids french_braid crown_braid side_braid braided_ponytail hair_bun "
     "double_bun single_hair_bun bangs blunt_bangs swept_bangs parted_bangs sidelocks hime_cut bob_cut undercut mohawk "
     "afro dreadlocks drill_hair twin_drills hair_between_eyes hair_over_one_eye hair_intakes antenna_hair buzz_cut "
     "pixie_cut wavy_hair bald heterochromia tsurime tareme slit_pupils symbol-shaped_pupils heart-shaped_pupils "
     "colored_sclera eyelashes long_eyelashes thick_eyebrows raised_eyebrows dark_skin light_skin pale_skin tan "
     "tanlines "
     "dark-skinned_female dark-skinned_male colored_skin freckles mole mole_under_eye mole_under_mouth scar "
     "scar_on_face scar_across_eye tattoo facial_mark whisker_markings fang fangs skin_fang pointy_ears animal_ears "
     "cat_ears cat_girl cat_boy cat_tail fox_ears fox_girl fox_tail wolf_ears wolf_girl dog_ears dog_girl rabbit_ears "
     "rabbit_girl horse_ears elf demon_girl demon_boy angel vampire mermaid robot_girl android kemonomimi_mode horns "
     "single_horn tail multiple_tails wings halo breasts small_breasts medium_breasts large_breasts huge_breasts "
     "flat_chest cleavage navel midriff abs muscular muscular_male muscular_female slim tall petite curvy thick_thighs "
     "wide_hips plump child mature_female mature_male old old_man old_woman teenage "
     "facial_hair beard "
     "mustache stubble goatee collarbone bare_shoulders barefoot fingernails sharp_teeth eyepatch"},
    {"clothing",
     "dress shirt t-shirt blouse skirt pants jeans shorts jacket coat hoodie sweater cardigan vest kimono yukata "
     "hakama "
     "hanfu cheongsam china_dress uniform school_uniform serafuku gakuran military_uniform maid maid_headdress "
     "maid_apron apron suit tuxedo necktie bowtie bow hair_bow ribbon hair_ribbon hairband hairclip hair_ornament "
     "hair_flower headband headphones hat cap beanie beret baseball_cap witch_hat straw_hat top_hat crown tiara veil "
     "hood hood_up hood_down cape cloak scarf gloves fingerless_gloves elbow_gloves detached_sleeves long_sleeves "
     "short_sleeves sleeveless wide_sleeves puffy_sleeves off_shoulder strapless turtleneck collar choker necklace "
     "pendant earrings bracelet ring jewelry belt glasses sunglasses goggles monocle mask boots shoes sneakers sandals "
     "high_heels loafers slippers socks kneehighs thighhighs pantyhose leggings tights garter_straps zettai_ryouiki "
     "swimsuit bikini one-piece_swimsuit school_swimsuit leotard bodysuit armor gauntlets corset bra panties underwear "
     "lingerie pajamas overalls backpack bag handbag obi sash frills lace see-through nude "
     "bandages robe lab_coat raincoat poncho buruma gym_uniform track_suit business_suit wedding_dress "
     "sundress pinafore_dress miniskirt pleated_skirt pencil_skirt long_skirt crop_top tank_top camisole"},
    {"expression",
     "smile light_smile grin smirk laughing open_mouth closed_mouth parted_lips closed_eyes half-closed_eyes "
     "one_eye_closed wink blush light_blush full-face_blush nose_blush happy sad angry annoyed serious surprised "
     "scared "
     "shy embarrassed nervous worried sleepy bored confused expressionless frown pout tears crying "
     "crying_with_eyes_open streaming_tears tearing_up sweat sweatdrop tongue tongue_out :p :d :o :3 :q ;) ;d ;p "
     ">_< >:) >:( :( :) ^_^ @_@ o_o 0_0 +_+ -_- =_= d: xd crazy_eyes wide-eyed jitome clenched_teeth "
     "furrowed_brow v-shaped_eyebrows smug evil_smile crazy_smile determined gentle_smile seductive_smile "
     "teeth disgust gloom_(expression) nosebleed empty_eyes"},
    {"action",
     "standing sitting kneeling squatting lying on_back on_side on_stomach walking running jumping flying floating "
     "falling dancing singing sleeping eating drinking reading writing cooking fighting waving stretching swimming "
     "playing_instrument playing_guitar leaning leaning_forward leaning_back bent_over arms_up arm_up arms_behind_back "
     "arms_behind_head arm_behind_head crossed_arms hand_on_own_hip hands_on_own_hips hand_up hands_up hand_in_pocket "
     "hands_in_pockets own_hands_together clenched_hand clenched_hands outstretched_arm outstretched_arms "
     "outstretched_hand reaching pointing v peace_sign double_v thumbs_up salute finger_to_mouth shushing "
     "crossed_legs indian_style wariza seiza spread_legs standing_on_one_leg fighting_stance contrapposto "
     "facing_viewer "
     "facing_away looking_at_viewer adjusting_hair adjusting_clothes hair_flip skirt_hold aiming driving riding "
     "praying head_tilt turning_head stretch spinning crawling all_fours fetal_position"},
    {"interaction",
     "hug hugging hug_from_behind kiss kissing holding_hands interlocked_fingers headpat lap_pillow carrying "
     "princess_carry piggyback eye_contact face-to-face back-to-back looking_at_another looking_at_each_other "
     "facing_another feeding yuri yaoi hetero cheek-to-cheek forehead-to-forehead sitting_on_person leaning_on_person "
     "hand_on_another's_shoulder hand_on_another's_head arm_around_shoulder whispering glomp shared_umbrella "
     "height_difference size_difference"},
    {"position",
     "center center_left center_right left right far_left far_right foreground midground on_left on_right in_front "
     "behind_another"},
    {"style",
     "anime_style anime_screencap anime_coloring official_art game_cg key_visual sketch lineart line_art monochrome "
     "greyscale grayscale spot_color limited_palette flat_color cel_shading watercolor oil_painting pixel_art 3d "
     "photorealistic realistic semi-realistic chibi traditional_media painterly impressionism art_nouveau ukiyo-e ink "
     "comic 4koma manga colored_pencil_(medium) watercolor_(medium) painting_(medium) graphite_(medium) "
     "retro_artstyle 1980s_(style) 1990s_(style) 2000s_(style) concept_art vector_art unfinished "
     "thick_outlines no_lineart pastel_colors high_contrast crosshatching halftone"},
    {"background",
     "simple_background white_background black_background grey_background gradient_background transparent_background "
     "blurry_background detailed_background two-tone_background multicolored_background starry_background "
     "abstract_background sky blue_sky cloudy_sky night_sky starry_sky gradient_sky orange_sky scenery landscape "
     "cityscape skyline mountain mountains horizon cloud clouds star_(sky) moon full_moon crescent_moon sun rainbow "
     "curtains wall brick_wall window backdrop no_background"},
    {"environment",
     "outdoors indoors day night evening morning dawn dusk sunset sunrise twilight rain snow snowing fog wind storm "
     "spring_(season) summer autumn winter beach ocean sea lake river waterfall forest nature field flower_field "
     "meadow "
     "garden park desert cave island underwater city town village street alley road bridge rooftop balcony classroom "
     "school library bedroom bathroom kitchen living_room office cafe restaurant bar shop hospital church temple "
     "shrine "
     "castle ruins train train_station train_interior bus_stop space stage festival pool onsen battlefield poolside "
     "cherry_blossoms under_tree"},
    {"perspective",
     "portrait close-up upper_body lower_body full_body cowboy_shot bust wide_shot very_wide_shot medium_shot "
     "from_above from_below from_behind from_side from_outside from_inside dutch_angle pov profile fisheye "
     "straight-on three-quarter_view multiple_views isometric foreshortening perspective depth_of_field bokeh "
     "wide_angle panorama vanishing_point reference_sheet out_of_frame feet_out_of_frame head_out_of_frame cropped "
     "cropped_legs cropped_torso blurry_foreground back_view front_view side_view"},
    {"atmosphere",
     "peaceful calm serene cozy romantic melancholic gloomy dark ominous mysterious dreamy ethereal nostalgic cheerful "
     "lively energetic dramatic epic tense horror_(theme) fantasy surreal cyberpunk steampunk science_fiction gothic "
     "festive lonely warm_atmosphere cold_atmosphere whimsical"},
    {"lighting",
     "backlighting sunlight moonlight rim_lighting soft_lighting dramatic_lighting cinematic_lighting "
     "volumetric_lighting studio_lighting natural_lighting dappled_sunlight light_rays god_rays sunbeam lens_flare "
     "light_particles bloom chiaroscuro glow glowing shadow dark_lighting candlelight neon_lights spotlight "
     "chromatic_aberration caustics"},
    {"resolution",
     "highres absurdres incredibly_absurdres lowres high_resolution max_high_resolution low_resolution 4k 8k uhd hd "
     "wallpaper"},
    {"quality",
     "masterpiece best_quality amazing_quality great_quality good_quality normal_quality high_quality average_quality "
     "low_quality worst_quality bad_quality very_aesthetic aesthetic displeasing very_displeasing newest recent mid "
     "early oldest best_aesthetic low_aesthetic extremely_detailed ultra_detailed highly_detailed detailed intricate "
     "intricate_details no_text no_watermark no_logo perfect_anatomy high_score low_score low_score_rate"},
    {"objects",
     "flower rose sunflower bouquet petals falling_petals leaf tree grass book sword katana weapon gun rifle staff "
     "wand shield bow_(weapon) arrow_(projectile) knife spear scythe umbrella parasol fan food cake ice_cream apple "
     "fruit tea cup mug teacup bottle phone smartphone cellphone camera microphone guitar violin piano instrument "
     "laptop computer table chair bed couch desk pillow bicycle motorcycle car ship boat airplane ball balloon candle "
     "lantern mirror box gift letter clock plushie stuffed_toy teddy_bear doll cat dog bird butterfly fish animal "
     "rabbit fox horse dragon feather feathers bubble snowflake sparkle heart star_(symbol) musical_note key chain "
     "rope bench lamppost mecha robot magic_circle crystal gem skull speech_bubble cigarette"},
};

constexpr Row kPrefixes[] = {
    {"artists", "artist:"},
    {"action", "looking_ holding_ hand_on_own_ hands_on_own_ sitting_on_ standing_on_ lying_on_ leaning_on_ playing_"},
    {"interaction", "hand_on_another's_ hands_on_another's_ holding_another's_ arm_around_"},
    {"style", "style_of_"},
    {"quality", "year_ score_"},
    {"resolution", "resolution_"},
};

constexpr Row kEndings[] = {
    {"appearance",
     "_hair _eyes _skin _ears _tail _horns _wings _bangs _ponytail _twintails _braid _braids _breasts _pupils "
     "_eyebrows _eyelashes _horn _girl _boy _body _tattoo _bun _haircut _beard"},
    {"clothing",
     "_dress _shirt _t-shirt _blouse _skirt _pants _shorts _jacket _coat _hoodie _sweater _cardigan _vest _kimono "
     "_uniform _suit _apron _necktie _bowtie _bow _ribbon _hairband _headband _hat _cap _cape _cloak _scarf _gloves "
     "_sleeves _turtleneck _collar _choker _necklace _earrings _jewelry _belt _glasses _eyewear _mask _boots "
     "_footwear _shoes _socks _kneehighs _thighhighs _pantyhose _legwear _leggings _swimsuit _bikini _leotard "
     "_bodysuit _armor _bra _panties _underwear _headwear _headdress _ornament _clothes _robe _sash _hood _crown "
     "_flower_ornament _costume _outfit _top"},
    {"expression", "_smile _grin _blush _expression _face _tears _mouth _tongue"},
    {"action", "_pose _sitting _standing"},
    {"style", "_style _(style) _(medium) _artstyle _art _painting _theme_style"},
    {"background", "_background _sky"},
    {"environment", "_(season) _interior _room _street"},
    {"perspective", "_shot _view _angle _focus"},
    {"atmosphere", "_atmosphere _mood _theme"},
    {"lighting", "_lighting _light _lights"},
    {"resolution", "_resolution"},
    {"quality", "_quality _aesthetic"},
    {"objects", "_(weapon) _flower _flowers _(food) _(object) _petals _(instrument)"},
};

template <typename Use>
void each(std::string_view list, Use use) {
  while (!list.empty()) {
    const size_t end = std::min(list.find(' '), list.size());
    if (end > 0) use(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
}

const std::unordered_map<std::string_view, std::string_view>& whole_tags() {
  static const auto table = [] {
    std::unordered_map<std::string_view, std::string_view> out;
    for (const Row& row : kWhole) each(row.tags, [&](std::string_view tag) { out.emplace(tag, row.element); });
    return out;
  }();
  return table;
}

// 1girl, 2boys, 3others; 4+girls
bool is_people(std::string_view tag) {
  const size_t digits = tag.find_first_not_of("0123456789");
  if (digits == 0 || digits == tag.npos) return false;
  tag.remove_prefix(digits);
  if (tag.starts_with('+')) tag.remove_prefix(1);
  return tag == "girl" || tag == "girls" || tag == "boy" || tag == "boys" || tag == "other" || tag == "others";
}

template <size_t N, typename Fits>
std::string_view longest(const Row (&rows)[N], Fits fits) {
  std::string_view best, best_part;
  for (const Row& row : rows)
    each(row.tags, [&](std::string_view part) {
      if (part.size() <= best_part.size() || !fits(part)) return;
      best_part = part;
      best = row.element;
    });
  return best;
}

}  // namespace

std::string_view element_of_tag(std::string_view tag) {
  if (is_people(tag)) return "count";
  if (const auto found = whole_tags().find(tag); found != whole_tags().end()) return found->second;
  // What is only the prefix or the ending is no tag of that kind.
  const auto prefix =
      longest(kPrefixes, [&](std::string_view p) { return tag.size() > p.size() && tag.starts_with(p); });
  if (!prefix.empty()) return prefix;
  return longest(kEndings, [&](std::string_view e) { return tag.size() > e.size() && tag.ends_with(e); });
}

std::vector<std::string_view> known_tags() {
  std::vector<std::string_view> out;
  for (const auto& [tag, element] : whole_tags()) out.push_back(tag);
  std::ranges::sort(out);
  return out;
}

}  // namespace newbie
