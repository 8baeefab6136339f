//! Figures as they stand in texts, read out as people read them.

use peal_spoken::spoken;

fn wrong(language: &str, table: &[(&'static str, &'static str)]) -> Vec<(&'static str, String)> {
    let said = table.iter().map(|(written, words)| (*written, *words, spoken(written, language)));
    said.filter(|(_, words, said)| words != said).map(|(written, _, said)| (written, said)).collect()
}

#[test]
fn chinese() {
    let table = [
        ("请按2", "请按二"),
        ("请按2键", "请按二键"),
        ("按2或者3", "按二或者三"),
        ("2026年11月22日", "二零二六年十一月二十二日"),
        ("2026年11月", "二零二六年十一月"),
        ("9am-5pm", "上午九点到下午五点"),
        ("按1,2或3", "按一,二或三"),
        ("¥3万", "三万元"),
        ("¥3.5万", "三点五万元"),
        ("3万元", "三万元"),
        ("3万5千元", "三万五千元"),
        ("-5", "负五"),
        ("-¥3", "负三元"),
        ("555-1234", "五五五 幺二三四"),
        ("138-0013-8000", "幺三八 零零幺三 八零零零"),
        ("电话13800138000", "电话幺三八零零幺三八零零零"),
        ("14:30", "十四点三十分"),
        ("下午2:00", "下午两点"),
        ("2:02", "两点零二分"),
        ("50%", "百分之五十"),
        ("-2.5%", "负百分之二点五"),
        ("€2", "两欧元"),
        ("£2.50", "两英镑五十分"),
        ("$2", "两美元"),
        ("2元", "两元"),
        ("2块5", "两块五"),
        ("2.5元", "两元五角"),
        ("12个月", "十二个月"),
        ("2天内", "两天内"),
        ("22个", "二十二个"),
        ("第2次", "第二次"),
        ("2023-2026年", "二零二三年到二零二六年"),
        ("1-3个工作日", "一到三个工作日"),
        ("9:00-18:00", "九点到十八点"),
        ("20岁", "二十岁"),
        ("1001", "一千零一"),
        ("10010", "一万零一十"),
        ("100100", "十万零一百"),
        ("¥1,234,567.89", "一百二十三万四千五百六十七元八角九分"),
        ("１２月２日", "十二月二日"),
        ("验证码是0428", "验证码是零四二八"),
        ("尾号1234", "尾号幺二三四"),
        ("尾号为8821的卡", "尾号为八八二幺的卡"),
        ("2小时", "两小时"),
        ("2月2日2时", "二月二日二时"),
        ("0.5元", "五角"),
        ("3:05pm见,5pm见", "下午三点零五分见,下午五点见"),
        ("24小时", "二十四小时"),
    ];
    assert_eq!(wrong("zh-CN", &table), []);
}

#[test]
fn english() {
    let table = [
        ("$1.2 million", "one point two million dollars"),
        ("$3M", "three million dollars"),
        ("-5", "minus five"),
        ("-$3", "minus three dollars"),
        ("call 555-1234", "call five five five, one two three four"),
        ("(555) 123-4567", "five five five, one two three, four five six seven"),
        ("555-123-4567", "five five five, one two three, four five six seven"),
        ("1-800-555-1234", "one, eight zero zero, five five five, one two three four"),
        ("555.123.4567", "five five five, one two three, four five six seven"),
        ("Nov 22, 2026", "November twenty-second, twenty twenty-six"),
        ("November 22nd", "November twenty-second"),
        ("on May 3", "on May third"),
        ("2026-11-22", "November twenty-second, twenty twenty-six"),
        ("14:30", "fourteen thirty"),
        ("3:05pm", "three oh five pm"),
        ("3pm", "three pm"),
        ("at 9 a.m. sharp", "at nine am sharp"),
        ("5%", "five percent"),
        ("-2.5%", "minus two point five percent"),
        ("€5.01", "five euros and one cent"),
        ("£1.01", "one pound and one penny"),
        ("¥100", "one hundred yuan"),
        ("$1", "one dollar"),
        ("$0.01", "one cent"),
        ("1st, 2nd, 3rd, 11th, 21st", "first, second, third, eleventh, twenty-first"),
        ("in 2026", "in twenty twenty-six"),
        ("since 1999", "since nineteen ninety-nine"),
        ("by November 2026", "by November twenty twenty-six"),
        ("2,026 items", "two thousand and twenty-six items"),
        ("9:00-17:00", "nine o'clock to seventeen o'clock"),
        ("9am to 5 pm", "nine am to five pm"),
        ("2023-2026", "twenty twenty-three to twenty twenty-six"),
        ("your code is 1234", "your code is one two three four"),
        ("in 250 days", "in two hundred and fifty days"),
        ("ending in 1234", "ending in one two three four"),
        ("ending in 0428", "ending in zero four two eight"),
        ("press 1, 2 or 3", "press one, two or three"),
        ("3.0", "three point zero"),
        ("the 1990s", "the 1990s"),
        ("iPhone 15", "iPhone fifteen"),
        ("10k", "10k"),
        ("5kg", "5kg"),
    ];
    assert_eq!(wrong("en-US", &table), []);
}
