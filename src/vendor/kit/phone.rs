//! International phone numbers in the parts that vendors want them in.
//!
//! No calling code is the beginning of another one, so that a number can be taken apart without knowing how each
//! country numbers its own.

use crate::proto::PhoneNumber;

/// Calling codes and the regions they serve (ITU-T E.164, list of assigned codes). `001`: no region.
const CALLING_CODES: &str = "\
1=US,CA,AG,AI,AS,BB,BM,BS,DM,DO,GD,GU,JM,KN,KY,LC,MP,MS,PR,SX,TC,TT,VC,VG,VI 7=RU,KZ 20=EG 27=ZA 30=GR 31=NL 32=BE \
33=FR 34=ES 36=HU 39=IT,VA 40=RO 41=CH 43=AT 44=GB,GG,IM,JE 45=DK 46=SE 47=NO,SJ 48=PL 49=DE 51=PE 52=MX 53=CU 54=AR \
55=BR 56=CL 57=CO 58=VE 60=MY 61=AU,CC,CX 62=ID 63=PH 64=NZ 65=SG 66=TH 81=JP 82=KR 84=VN 86=CN 90=TR 91=IN 92=PK \
93=AF 94=LK 95=MM 98=IR 211=SS 212=MA,EH 213=DZ 216=TN 218=LY 220=GM 221=SN 222=MR 223=ML 224=GN 225=CI 226=BF 227=NE \
228=TG 229=BJ 230=MU 231=LR 232=SL 233=GH 234=NG 235=TD 236=CF 237=CM 238=CV 239=ST 240=GQ 241=GA 242=CG 243=CD \
244=AO 245=GW 246=IO 247=AC 248=SC 249=SD 250=RW 251=ET 252=SO 253=DJ 254=KE 255=TZ 256=UG 257=BI 258=MZ 260=ZM \
261=MG 262=RE,YT,TF 263=ZW 264=NA 265=MW 266=LS 267=BW 268=SZ 269=KM 290=SH,TA 291=ER 297=AW 298=FO 299=GL 350=GI \
351=PT 352=LU 353=IE 354=IS 355=AL 356=MT 357=CY 358=FI,AX 359=BG 370=LT 371=LV 372=EE 373=MD 374=AM 375=BY 376=AD \
377=MC 378=SM 379=VA 380=UA 381=RS 382=ME 383=XK 385=HR 386=SI 387=BA 389=MK 420=CZ 421=SK 423=LI 500=FK,GS 501=BZ \
502=GT 503=SV 504=HN 505=NI 506=CR 507=PA 508=PM 509=HT 590=GP,BL,MF 591=BO 592=GY 593=EC 594=GF 595=PY 596=MQ 597=SR \
598=UY 599=CW,BQ 670=TL 672=NF,AQ 673=BN 674=NR 675=PG 676=TO 677=SB 678=VU 679=FJ 680=PW 681=WF 682=CK 683=NU 685=WS \
686=KI 687=NC 688=TV 689=PF 690=TK 691=FM 692=MH 800=001 808=001 850=KP 852=HK 853=MO 855=KH 856=LA 870=001 878=001 \
880=BD 881=001 882=001 883=001 886=TW 888=001 960=MV 961=LB 962=JO 963=SY 964=IQ 965=KW 966=SA 967=YE 968=OM 970=PS \
971=AE 972=IL 973=BH 974=QA 975=BT 976=MN 977=NP 979=001 992=TJ 993=TM 994=AZ 995=GE 996=KG 998=UZ";

/// A number in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The calling code without `+`.
    pub calling_code: &'a str,
    /// What follows it.
    pub national: &'a str,
    /// ISO 3166-1 alpha-2, where the number or the caller tells.
    pub region: Option<&'a str>,
}

/// Takes `phone` apart. `Err` says what is expected of which of its fields.
pub fn split(phone: &PhoneNumber) -> Result<Parts<'_>, (&'static str, &'static str)> {
    let digits = phone.e164.strip_prefix('+').unwrap_or_default();
    let assigned = CALLING_CODES.split_ascii_whitespace().filter_map(|entry| entry.split_once('='));
    let found = assigned
        .filter_map(|(code, regions)| Some((code, regions, digits.strip_prefix(code)?)))
        .next()
        .filter(|(_, _, national)| national.len() >= 4);
    let Some((code, regions, national)) = found else {
        return Err(("e164", "must begin with + and an assigned calling code, for example +4930123456"));
    };
    let calling_code = &digits[..code.len()];
    let said = Some(phone.region_code.as_str()).filter(|region| !region.is_empty());
    if said.is_some_and(|said| regions.split(',').all(|region| region != said)) {
        return Err(("region_code", "must be a region that the number's calling code serves"));
    }
    let only = (!regions.contains(',') && regions != "001").then_some(regions);
    Ok(Parts { calling_code, national, region: said.or(only) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone(e164: &str, region_code: &str) -> PhoneNumber {
        PhoneNumber { e164: e164.to_owned(), region_code: region_code.to_owned() }
    }

    #[test]
    fn numbers_are_taken_apart() {
        for (e164, region, parts) in [
            ("+12025550123", "US", ("1", "2025550123", Some("US"))),
            ("+12025550123", "", ("1", "2025550123", None)),
            ("+51987654321", "", ("51", "987654321", Some("PE"))),
            ("+4930123456", "DE", ("49", "30123456", Some("DE"))),
            ("+35312345678", "", ("353", "12345678", Some("IE"))),
            ("+87812345678", "", ("878", "12345678", None)),
        ] {
            let number = phone(e164, region);
            let split = split(&number).unwrap();
            assert_eq!((split.calling_code, split.national, split.region), parts, "{e164}");
        }
    }

    #[test]
    fn what_cannot_be_a_number_of_its_region_is_refused() {
        for (e164, region, field) in [
            ("+12025550123", "DE", "region_code"),
            ("+999123456", "", "e164"),
            ("+210123456", "", "e164"),
            ("+353123", "", "e164"),
            ("2025550123", "US", "e164"),
        ] {
            assert_eq!(split(&phone(e164, region)).unwrap_err().0, field, "{e164}");
        }
    }

    #[test]
    fn no_calling_code_begins_another() {
        let codes: Vec<_> =
            CALLING_CODES.split_ascii_whitespace().map(|entry| entry.split_once('=').unwrap().0).collect();
        assert!(codes.len() > 200);
        for (index, code) in codes.iter().enumerate() {
            let others = codes.iter().enumerate().filter(|(other, _)| *other != index);
            assert!(others.clone().all(|(_, other)| !other.starts_with(code)), "{code}");
        }
    }
}
