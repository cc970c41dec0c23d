//! IDnow's reason codes and what they ask for. The lists are open: unknown codes are kept as they came.

use crate::proto::{Reason, ReasonCategory};
use crate::vendor::kit::{UNPRINTABLE, printable};

use ReasonCategory as Category;

/// Every code the vendor documents, old and new lists together.
pub const CODES: &[(ReasonCategory, &[&str])] = &[
    (
        Category::UserDeclined,
        &[
            "USER_CANCELLATION_TERMS_DENIED",
            "USER_CANCELLATION_ESIGNING_REJECTED",
            "USER_CANCELLATION_USER_NOT_INTERESTED",
            "USER_CANCELLATION_PRIVACY_CONCERNS",
        ],
    ),
    (
        Category::UserPostponed,
        &[
            "USER_CANCELLATION_IDENTIFY_LATER",
            "USER_CANCELLATION_SELFIE_NOT_READY",
            "USER_CANCELLATION_DOCUMENT_NOT_AVAILABLE",
        ],
    ),
    (
        Category::UserDevice,
        &[
            "USER_CANCELLATION_CAMERA_ACCESS_DENIED",
            "USER_CANCELLATION_APP_NOT_SCANNING",
            "USER_CANCELLATION_APP_NOT_RESPONDING",
        ],
    ),
    (Category::UserUnderage, &["USER_CANCELLATION_UNDERAGE", "WARNING_USER_UNDERAGE"]),
    (
        Category::ContactData,
        &[
            "USER_CANCELLATION_INCORRECT_PHONE_NUMBER",
            "USER_CANCELLATION_ESIGNING_NAME_CONFIRMATION_REJECTED",
        ],
    ),
    (Category::Otp, &["APP_CANCELLATION_OTP_MATCH_LIMIT_REACHED"]),
    (
        Category::Signing,
        &[
            "APP_CANCELLATION_APPROVAL_PHRASE_RETRY_LIMIT_REACHED",
            "APP_CANCELLATION_APPROVAL_PHRASE_NO_CONTRACT",
            "APP_CANCELLATION_APPROVAL_PHRASE_INSUFFICIENT_DOCUMENT_COUNT",
            "APP_CANCELLATION_TSP_TECHNICAL_EXCEPTION",
            "TSP_WRONG_CONFIRMATION_TOKEN",
            "TSP_SIGNING_FAILED",
            "TSP_CERTIFICATE_EXPIRED",
        ],
    ),
    (
        Category::DocumentNotAccepted,
        &[
            "USER_CANCELLATION_DOCUMENT_NOT_ACCEPTED",
            "ID_NOT_SUPPORTED",
            "ID_WRONG_SIDE",
            "ID_OTHER",
            "USER_ID",
            "ID_SECOND_DOCUMENT_OTHER",
        ],
    ),
    (
        Category::DocumentExpired,
        &["USER_CANCELLATION_DOCUMENT_EXPIRED", "ID_EXPIRED", "ID_SECOND_DOCUMENT_EXPIRED"],
    ),
    (
        Category::DocumentDamaged,
        &[
            "ID_OUTWORN",
            "ID_HAS_STICKER",
            "ID_WRITTEN_ON",
            "ID_BROKEN",
            "ID_DAMAGED",
            "ID_DAMAGED_OTHER",
            "ID_SECOND_DOCUMENT_DAMAGED",
        ],
    ),
    (
        Category::DocumentMissing,
        &["ID_SECOND_DOCUMENT", "ID_NEED_ADDITIONAL_DOCUMENT", "USER_INVOICE_MISSING"],
    ),
    (
        Category::DocumentImageQuality,
        &[
            "ID_BLURRY",
            "ID_GLARE",
            "ID_DARKNESS",
            "ID_DATA_COVERED",
            "ID_PERSPECTIVE",
            "ID_DATA",
            "ID_DATA_OTHER",
            "ID_SECOND_DOCUMENT_BAD_PHOTO_QUALITY",
            "TECH_PHOTO",
            "BAD_PHOTO_QUALITY",
            "PHOTO_OTHER",
        ],
    ),
    (
        Category::SecurityFeatureUnverifiable,
        &[
            "ID_SECURITY_FEATURE_NOT_VISIBLE_NOT_FRAUD",
            "ID_SECURITY_FEATURE_VIDEO_SHORT",
            "ID_SECURITY_FEATURE_VIDEO_CANNOT_BE_PLAYED",
            "ID_SECURITY_FEATURE_OTHER",
            "ID_SECURITY_FEATURE_VIDEO_FILE_MISSING",
            "TECH_HOLOGRAM",
        ],
    ),
    (
        Category::SelfieQuality,
        &[
            "USER_OBSCURED",
            "SELFIE_BLURRY",
            "SELFIE_GLARE",
            "SELFIE_DARKNESS",
            "SELFIE_PERSPECTIVE",
            "SELFIE_OTHER",
        ],
    ),
    (Category::WrongPerson, &["USER_WRONG_PERSON"]),
    (Category::Technical, &["IDENT_CANNOT_BE_COMPLETED", "IDENT_DISPLAY_ERROR"]),
    (Category::Other, &["IDENT_OTHER", "OTHER_ERROR"]),
    (
        Category::FraudDocument,
        &[
            "WARNING_MANIPULATED_DATA",
            "WARNING_MANIPULATED_PHOTO",
            "WARNING_FAKED_SECURITY_FEATURES",
            "WARNING_PAPER_PRINT",
            "WARNING_DIGITAL_DOCUMENT",
            "WARNING_FAKED_SPECIMEN",
            "WARNING_SCAN",
            "WARNING_ID_MANIPULATION",
            "WARNING_FAKE_ID",
            "DOCUMENT_TAMPERED",
            "WARNING_FAKED_MANIPULATED_ID",
            "WARNING_WRONG_CHECKSUM",
            "WARNING_INCONSISTENT_DATA",
            "SECURITY_FEATURE_IDENTITY_FAKED",
            "SECURITY_FEATURE_DIGITAL_IMAGE",
            "FRONT_DOCUMENT_DIGITAL_IMAGE",
            "BACK_DOCUMENT_DIGITAL_IMAGE",
        ],
    ),
    (
        Category::FraudBiometric,
        &[
            "WARNING_SELFIE_REAL_PERSON",
            "WARNING_SELFIE_NO_REAL_PERSON",
            "WARNING_SELFIE_DISGUISED",
            "WARNING_DIGITAL_SELFIE",
            "FACE_COMPARISON_UNMATCHED",
            "WARNING_PHOTO",
            "WARNING_DESCRIPTION",
            "LIVENESS_DETECTION_FAILED",
            "FACE_COMPARISON_DIGITAL_IMAGE",
            "LIVENESS_LEFT_DIGITAL_IMAGE",
            "LIVENESS_RIGHT_DIGITAL_IMAGE",
        ],
    ),
    (
        Category::FraudIdentity,
        &[
            "WARNING_MONEY_MULE",
            "WARNING_NAME_COMPARISON",
            "WARNING_SOCIAL_ENGINEERING",
            "WARNING_IDENTITY_THEFT",
        ],
    ),
    (Category::FraudOther, &["WARNING_FRAUD_OTHER"]),
];

/// The category of `code`, if the vendor documents it.
pub fn category(code: &str) -> Option<ReasonCategory> {
    CODES.iter().find(|(_, codes)| codes.contains(&code)).map(|(category, _)| *category)
}

/// `code` with its category: OTHER when it is not documented. One that could hold more than a code is replaced.
pub fn reason(code: &str) -> Reason {
    let category = category(code);
    let vendor_code = if printable(code) { code } else { UNPRINTABLE };
    Reason {
        vendor_code: vendor_code.to_owned(),
        category: category.unwrap_or(Category::Other).into(),
        recognized: category.is_some(),
    }
}
