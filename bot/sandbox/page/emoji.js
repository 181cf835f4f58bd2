// :shortcode: to character, for the shortcodes an app in a lab is likely to use.
// Unknown shortcodes stay as typed, as Slack shows them.

const TABLE = `
grinning 😀 smiley 😃 smile 😄 grin 😁 laughing 😆 sweat_smile 😅 joy 😂 rolling_on_the_floor_laughing 🤣
slightly_smiling_face 🙂 upside_down_face 🙃 wink 😉 blush 😊 innocent 😇 heart_eyes 😍 star-struck 🤩
kissing_heart 😘 yum 😋 stuck_out_tongue 😛 hugging_face 🤗 thinking_face 🤔 zipper_mouth_face 🤐
neutral_face 😐 expressionless 😑 no_mouth 😶 smirk 😏 unamused 😒 face_with_rolling_eyes 🙄 grimacing 😬
relieved 😌 pensive 😔 sleepy 😪 sleeping 😴 mask 😷 exploding_head 🤯 partying_face 🥳 sunglasses 😎
nerd_face 🤓 confused 😕 worried 😟 slightly_frowning_face 🙁 open_mouth 😮 hushed 😯 astonished 😲
flushed 😳 pleading_face 🥺 fearful 😨 cold_sweat 😰 cry 😢 sob 😭 scream 😱 disappointed 😞 sweat 😓
weary 😩 tired_face 😫 yawning_face 🥱 triumph 😤 rage 😡 angry 😠 skull 💀 robot_face 🤖 alien 👽 ghost 👻
wave 👋 raised_hand ✋ hand ✋ ok_hand 👌 v ✌️ crossed_fingers 🤞 point_left 👈 point_right 👉
point_up_2 👆 point_up ☝️ point_down 👇 +1 👍 thumbsup 👍 -1 👎 thumbsdown 👎 fist ✊ facepunch 👊
clap 👏 raised_hands 🙌 open_hands 👐 handshake 🤝 pray 🙏 writing_hand ✍️ muscle 💪 eyes 👀 eye 👁️ brain 🧠
bust_in_silhouette 👤 busts_in_silhouette 👥 technologist 🧑‍💻 scientist 🧑‍🔬 student 🧑‍🎓 detective 🕵️
heart ❤️ orange_heart 🧡 yellow_heart 💛 green_heart 💚 blue_heart 💙 purple_heart 💜 black_heart 🖤
broken_heart 💔 sparkling_heart 💖 100 💯 boom 💥 collision 💥 dizzy 💫 zzz 💤 speech_balloon 💬
thought_balloon 💭 fire 🔥 sparkles ✨ star ⭐ star2 🌟 zap ⚡ rainbow 🌈 sunny ☀️ partly_sunny ⛅ cloud ☁️
snowflake ❄️ droplet 💧 ocean 🌊 crescent_moon 🌙 new_moon 🌑 full_moon 🌕 sunrise 🌅 city_sunset 🌆
night_with_stars 🌃 earth_asia 🌏 earth_africa 🌍 earth_americas 🌎 globe_with_meridians 🌐
seedling 🌱 evergreen_tree 🌲 deciduous_tree 🌳 four_leaf_clover 🍀 leaves 🍃 mushroom 🍄 cactus 🌵
dog 🐶 cat 🐱 mouse 🐭 fox_face 🦊 bear 🐻 panda_face 🐼 tiger 🐯 lion_face 🦁 frog 🐸 monkey_face 🐵
penguin 🐧 bird 🐦 owl 🦉 bee 🐝 bug 🐛 butterfly 🦋 snail 🐌 turtle 🐢 snake 🐍 octopus 🐙 whale 🐳
dolphin 🐬 fish 🐟 elephant 🐘 unicorn_face 🦄 llama 🦙 rabbit 🐰
coffee ☕ tea 🍵 beer 🍺 beers 🍻 clinking_glasses 🥂 pizza 🍕 hamburger 🍔 ramen 🍜 rice 🍚 cake 🍰
birthday 🎂 cookie 🍪 apple 🍎 banana 🍌 lemon 🍋 hot_pepper 🌶️ popcorn 🍿 bento 🍱 dumpling 🥟
soccer ⚽ basketball 🏀 dart 🎯 trophy 🏆 medal 🏅 first_place_medal 🥇 second_place_medal 🥈
third_place_medal 🥉 checkered_flag 🏁 video_game 🎮 game_die 🎲 jigsaw 🧩 art 🎨 musical_note 🎵
tada 🎉 confetti_ball 🎊 balloon 🎈 gift 🎁 ticket 🎫 admission_tickets 🎟️ rocket 🚀 airplane ✈️ car 🚗
bike 🚲 train 🚆 bus 🚌 truck 🚚 construction 🚧 rotating_light 🚨 vertical_traffic_light 🚦 anchor ⚓
house 🏠 office 🏢 factory 🏭 school 🏫 hospital 🏥 bank 🏦 tent ⛺ mountain ⛰️ desert_island 🏝️
watch ⌚ iphone 📱 computer 💻 desktop_computer 🖥️ keyboard ⌨️ printer 🖨️ floppy_disk 💾 cd 💿
minidisc 💽 camera 📷 movie_camera 🎥 tv 📺 battery 🔋 electric_plug 🔌 bulb 💡 flashlight 🔦 satellite 🛰️
telescope 🔭 microscope 🔬 test_tube 🧪 dna 🧬 abacus 🧮 thermometer 🌡️ magnet 🧲 gear ⚙️ wrench 🔧
hammer 🔨 hammer_and_wrench 🛠️ nut_and_bolt 🔩 toolbox 🧰 scissors ✂️ hourglass ⌛
hourglass_flowing_sand ⏳ alarm_clock ⏰ stopwatch ⏱️ timer_clock ⏲️ mantelpiece_clock 🕰️ clock1 🕐
clock2 🕑 clock3 🕒 clock4 🕓 clock5 🕔 clock6 🕕 clock7 🕖 clock8 🕗 clock9 🕘 clock10 🕙 clock11 🕚 clock12 🕛
clock10_30 🕥 clock1030 🕥 date 📅 calendar 📆 spiral_calendar_pad 🗓️ card_index 📇 clipboard 📋 pushpin 📌
round_pushpin 📍 paperclip 📎 straight_ruler 📏 triangular_ruler 📐 file_folder 📁 open_file_folder 📂
card_file_box 🗃️ file_cabinet 🗄️ wastebasket 🗑️ page_facing_up 📄 page_with_curl 📃 bookmark_tabs 📑
bar_chart 📊 chart_with_upwards_trend 📈 chart_with_downwards_trend 📉 scroll 📜 memo 📝 pencil 📝
pencil2 ✏️ book 📖 books 📚 notebook 📓 ledger 📒 newspaper 📰 bookmark 🔖 label 🏷️ moneybag 💰
credit_card 💳 gem 💎 scales ⚖️ chains ⛓️ link 🔗 package 📦 inbox_tray 📥 outbox_tray 📤 mailbox 📫
email 📧 envelope ✉️ incoming_envelope 📨 e-mail 📧 mega 📣 loudspeaker 📢 bell 🔔 no_bell 🔕
lock 🔒 unlock 🔓 closed_lock_with_key 🔐 key 🔑 old_key 🗝️ shield 🛡️ crossed_swords ⚔️ bomb 💣
mag 🔍 mag_right 🔎 crystal_ball 🔮 door 🚪 bed 🛏️ broom 🧹 fire_extinguisher 🧯 soap 🧼
white_check_mark ✅ heavy_check_mark ✔️ ballot_box_with_check ☑️ x ❌ negative_squared_cross_mark ❎
heavy_multiplication_x ✖️ heavy_plus_sign ➕ heavy_minus_sign ➖ heavy_division_sign ➗ question ❓
grey_question ❔ exclamation ❗ heavy_exclamation_mark ❗ grey_exclamation ❕ bangbang ‼️ interrobang ⁉️
warning ⚠️ no_entry ⛔ no_entry_sign 🚫 octagonal_sign 🛑 radioactive_sign ☢️ recycle ♻️ infinity ♾️
information_source ℹ️ ok 🆗 new 🆕 up 🆙 cool 🆒 free 🆓 sos 🆘 id 🆔 vs 🆚 top 🔝 soon 🔜 back 🔙 end 🔚 on 🔛
arrow_up ⬆️ arrow_down ⬇️ arrow_left ⬅️ arrow_right ➡️ arrow_upper_right ↗️ arrow_lower_right ↘️
arrow_lower_left ↙️ arrow_upper_left ↖️ left_right_arrow ↔️ arrow_up_down ↕️ arrows_counterclockwise 🔄
arrows_clockwise 🔃 leftwards_arrow_with_hook ↩️ arrow_right_hook ↪️ twisted_rightwards_arrows 🔀
repeat 🔁 arrow_forward ▶️ arrow_backward ◀️ fast_forward ⏩ rewind ⏪ black_square_for_stop ⏹️
double_vertical_bar ⏸️ black_right_pointing_double_triangle_with_vertical_bar ⏭️ arrow_double_up ⏫
arrow_double_down ⏬ arrow_up_small 🔼 arrow_down_small 🔽
red_circle 🔴 large_orange_circle 🟠 large_yellow_circle 🟡 large_green_circle 🟢 large_blue_circle 🔵
large_purple_circle 🟣 large_brown_circle 🟤 white_circle ⚪ black_circle ⚫ large_red_square 🟥
large_orange_square 🟧 large_yellow_square 🟨 large_green_square 🟩 large_blue_square 🟦
large_purple_square 🟪 large_brown_square 🟫 white_large_square ⬜ black_large_square ⬛
white_medium_square ◻️ black_medium_square ◼️ white_small_square ▫️ black_small_square ▪️
small_orange_diamond 🔸 small_blue_diamond 🔹 large_orange_diamond 🔶 large_blue_diamond 🔷
small_red_triangle 🔺 small_red_triangle_down 🔻 radio_button 🔘
one 1️⃣ two 2️⃣ three 3️⃣ four 4️⃣ five 5️⃣ six 6️⃣ seven 7️⃣ eight 8️⃣ nine 9️⃣ zero 0️⃣ keycap_ten 🔟 hash #️⃣
1234 🔢 abc 🔤 p 🅿️ parking 🅿️ copyright ©️ registered ®️ tm ™️
triangular_flag_on_post 🚩 waving_white_flag 🏳️ waving_black_flag 🏴 flag-cn 🇨🇳 cn 🇨🇳 flag-fr 🇫🇷 fr 🇫🇷
flag-de 🇩🇪 de 🇩🇪 flag-gb 🇬🇧 gb 🇬🇧 uk 🇬🇧 flag-us 🇺🇸 us 🇺🇸 flag-jp 🇯🇵 jp 🇯🇵 flag-in 🇮🇳 flag-it 🇮🇹 it 🇮🇹
female-technologist 👩‍💻 male-technologist 👨‍💻 shrug 🤷 man-shrugging 🤷‍♂️ woman-shrugging 🤷‍♀️
face_palm 🤦 bow 🙇 raising_hand 🙋 ok_woman 🙆 no_good 🙅 runner 🏃 walking 🚶 dancer 💃 snowman ⛄
jack_o_lantern 🎃 christmas_tree 🎄 umbrella ☂️ umbrella_with_rain_drops ☔
`;

const SKIN_TONES = ["", "", "🏻", "🏼", "🏽", "🏾", "🏿"];
const PATTERN = /^:([a-z0-9_+'-]+):(?::skin-tone-([2-6]):)?/;
const CODES = readTable();

function readTable() {
  const words = TABLE.trim().split(/\s+/);
  const codes = new Map();
  for (let index = 0; index + 1 < words.length; index += 2)
    codes.set(words[index], words[index + 1]);
  return codes;
}

/** The character for a shortcode without colons, or undefined. */
export function emojiFor(name, tone = 0) {
  const character = CODES.get(name);
  return character && character + (SKIN_TONES[tone] ?? "");
}

/** Reads a shortcode at the beginning of text: {name, character, length}, or null. */
export function readEmoji(text) {
  const match = PATTERN.exec(text);
  if (!match) return null;
  const character = emojiFor(match[1], Number(match[2] ?? 0));
  return character ? { name: match[1], character, length: match[0].length } : null;
}

/** Up to limit {name, character} whose name contains the query, best matches first. */
export function searchEmoji(query, limit = 8) {
  const wanted = query.toLowerCase();
  return [...CODES]
    .filter(([name]) => name.includes(wanted))
    .sort(([a], [b]) => rank(a, wanted) - rank(b, wanted) || a.length - b.length)
    .slice(0, limit)
    .map(([name, character]) => ({ name, character }));
}

function rank(name, wanted) {
  return name.startsWith(wanted) ? 0 : 1;
}
