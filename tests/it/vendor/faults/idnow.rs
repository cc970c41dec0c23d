//! Everything that IDnow is asked for, and what it says in its own words.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::stream::{self, TryStreamExt as _};
use idv_gateway::error::{Error, Kind};
use idv_gateway::model::change::UpdateIdentification;
use idv_gateway::model::document::{DefinitionId, DocumentName, PDF};
use idv_gateway::proto::{
    AutoIdentSpec, DocumentDefinition, Subject, UpdateIdentificationRequest, VendorReference,
};
use idv_gateway::vendor::capability::{
    Archives as _, BindingKeys as _, Copies as _, Copy, Deletion, Deletions as _, Update, Updates as _,
};
use idv_gateway::vendor::idnow::Idnow;
use idv_gateway::vendor::kit::retry::Repeat;
use idv_gateway::vendor::{
    Artifacts, Create, Get, GetDocument, Identifications as _, ListArtifacts, ListDocuments, Lists,
    OpenArtifact, Probe as _, PutDefinition, RenameDocument, Signing, Upload, UploadDefault,
};
use prost_types::FieldMask;

use super::rows::DONE;
use super::server::{Does, answer, json};
use super::table::{Column, Means, Row, Sort, Vendor};
use crate::vendor::rig::{Files, ID, about, command, line, reference};
use crate::zip::{archive, stored};

use Kind::{
    DocumentNotSigned, DocumentTooLarge, IdentificationCompleted, IdentificationGone, ResourceExists,
    ResourceNotFound, VendorConflict, VendorCredentialsRejected, VendorFeatureNotEnabled,
    VendorRejectedField, VendorRejectedRequest, VendorResponseInvalid, VendorUnavailable,
};

const PERSON: &str = "400 with a person's field";
const DEFINITION: &str = "400 with a definition's field";
const DOCUMENT: &str = "400 with the document";
const GONE: &str = "404 of the vendor";

pub(super) fn vendor() -> Vendor {
    let columns = [identifications(), files(), definitions(), default_documents(), documents(), account()];
    Vendor {
        name: "idnow",
        below: "",
        connect: |base, limits, clock, transport| {
            let files = Files::new();
            let settings = files.settings("sandbox", &format!("base_url = \"{base}\""));
            let line = line(limits, clock.clone(), transport);
            Box::new(Idnow::new("bank".parse().unwrap(), &settings, clock, line).unwrap())
        },
        columns: columns.into_iter().flatten().collect(),
        words: words(),
    }
}

/// What IDnow says in its own form: `{"errors": [..]}`.
fn words() -> Vec<Row> {
    let says = |status: &str, cause: &str, key: &str| json(status, &fault(cause, key));
    let refused = |name, status: &str, cause: &str, told: Kind| {
        Row::last(name, says(status, cause, "lastname"), Some(told))
    };
    let field = |name, key| Row::last(name, says("400 X", "BAD_REQUEST", key), Some(VendorRejectedRequest));
    let token = says("401 Unauthorized", "INVALID_LOGIN_TOKEN", "");
    let always = Means::Unauthorised { next: Some(VendorCredentialsRejected) };
    let inside = Means::Unable { told: VendorUnavailable, wait: Duration::ZERO };
    vec![
        field(PERSON, "lastname"),
        field(DEFINITION, "identifier"),
        field(DOCUMENT, "document"),
        refused("400 unknown field", "400 Bad Request", "UNRECOGNIZED_FIELD", VendorRejectedRequest),
        refused("400 unparsable", "400 Bad Request", "UNPARSEABLE_JSON", VendorRejectedRequest),
        Row::new("401 once", Does::SaysOnce(token.clone()), Means::Unauthorised { next: None }),
        Row::new("401", Does::Says(token), always),
        Row::new("401 without a word", Does::Says(answer("401 Unauthorized", "", b"")), always),
        refused("401 another's", "401 Unauthorized", "SECURITY_VIOLATION", ResourceNotFound),
        refused("403", "403 Forbidden", "FORBIDDEN", VendorFeatureNotEnabled),
        Row::last(GONE, says("404 Not Found", "OBJECT_NOT_FOUND", "token"), None),
        Row::last("404 of another", answer("404 Not Found", "", b""), Some(VendorResponseInvalid)),
        refused("405", "405 Method Not Allowed", "X", VendorRejectedRequest),
        refused("406", "406 Not Acceptable", "X", VendorRejectedRequest),
        refused("409", "409 Conflict", "EXISTING_IDENTIFICATION", VendorConflict),
        refused("412", "412 Precondition Failed", "PRECONDITION_FAILED", VendorFeatureNotEnabled),
        refused("413", "413 Content Too Large", "X", VendorRejectedRequest),
        refused("415", "415 Unsupported Media Type", "X", VendorRejectedRequest),
        Row::new("200 with an error inside", Does::Says(says("200 OK", "INTERNAL_SERVER_ERROR", "")), inside),
        refused("200 with a refusal inside", "200 OK", "FORBIDDEN", VendorFeatureNotEnabled),
    ]
}

fn fault(cause: &str, key: &str) -> String {
    format!(
        r#"{{"errors":[{{"cause":"{cause}","errorType":null,"id":"1","key":"{key}","message":"Erika","translationKey":null}}]}}"#
    )
}

fn account() -> Vec<Column> {
    let login = Column::new(
        "idnow.login",
        "POST /api/v1/examplebank/login",
        json("200 OK", r#"{"authToken":"token"}"#),
        |idnow: &Idnow| get(idnow).boxed(),
    );
    let check = Column::new(
        "idnow.system_check",
        "GET /system_check",
        answer("200 OK", "", b"SYSTEM_CHECK_OK"),
        |idnow: &Idnow| idnow.ask_server().boxed(),
    );
    let prove = Column::new(
        "idnow.prove_credentials",
        "GET /api/v1/examplebank/identifications/*",
        json("404 Not Found", &fault("OBJECT_NOT_FOUND", "token")),
        |idnow: &Idnow| idnow.prove_credentials().boxed(),
    );
    let refused: Vec<_> = [
        PERSON,
        DEFINITION,
        DOCUMENT,
        "400 unknown field",
        "400 unparsable",
        "401 another's",
        "403",
        GONE,
        "404 of another",
        "200 with a refusal inside",
    ]
    .map(|name| (name, Some(VendorCredentialsRejected)))
    .into();
    vec![
        login.sort(Sort::Login).but(&refused),
        check.sort(Sort::Word).repeat(Repeat::Never),
        // Its number is random, so that every request for an identification would be its, if it came first.
        prove,
    ]
}

fn identifications() -> Vec<Column> {
    const START: &str = "POST /api/v1/examplebank/identifications/*/start";
    let made = || json("201 Created", r#"{"id":"TST-KLMNP"}"#);
    let started = [(PERSON, Some(VendorRejectedField)), (GONE, Some(VendorRejectedRequest))];
    vec![
        Column::new("idnow.start", START, made(), |idnow: &Idnow| start(idnow).boxed())
            .which("creation")
            .but(&started)
            .but(&[("409", Some(ResourceExists))]),
        // A repeat could undo a later update.
        Column::new("idnow.start", START, made(), |idnow: &Idnow| update(idnow).boxed())
            .which("update")
            .repeat(Repeat::Never)
            .but(&started)
            .but(&[("409", Some(IdentificationCompleted))]),
        Column::new(
            "idnow.get",
            "GET /api/v1/examplebank/identifications/3f0c9e52-6b1d-4f7a-9c1e-5a7d20b4e811",
            json("200 OK", r#"{"identificationprocess":{"result":"SUCCESS","id":"TST-KLMNP"}}"#),
            |idnow: &Idnow| get(idnow).boxed(),
        ),
        Column::new(
            "idnow.list",
            "GET /api/v1/examplebank/identifications?pending=true",
            json("200 OK", r#"{"identifications":[]}"#),
            |idnow: &Idnow| async { Lists::read(idnow, "pending").await.map(drop) }.boxed(),
        )
        .time(240)
        .but(&[(GONE, Some(VendorRejectedRequest))]),
        Column::new(
            "idnow.archive",
            "POST /api/v1/examplebank/identifications/*/archive",
            json("200 OK", "{}"),
            |idnow: &Idnow| async { idnow.archive(&ours()).await }.boxed(),
        )
        .but(&DONE)
        .but(&[("409", None)]),
        Column::new(
            "idnow.delete",
            "DELETE /api/v1/examplebank/identifications/3f0c9e52-6b1d-4f7a-9c1e-5a7d20b4e811",
            json("200 OK", "{}"),
            |idnow: &Idnow| {
                async { idnow.delete(Deletion { about: about(&ours()), force: false }).await.map(drop) }
                    .boxed()
            },
        )
        .but(&DONE),
        Column::new(
            "idnow.copy",
            "POST /api/v1/examplebank/identifications/*/copy",
            json("201 Created", r#"{"id":"CGD-DSFGE"}"#),
            |idnow: &Idnow| copy(idnow).boxed(),
        )
        .repeat(Repeat::Unsent)
        .but(&[("nothing", None), (GONE, Some(IdentificationGone)), ("409", Some(ResourceExists))]),
        Column::new(
            "idnow.binding_key",
            "GET /api/v1/examplebank/identifications/*/bindingKey",
            json("200 OK", r#"{"bindingKey":"aa.bb.cc"}"#),
            |idnow: &Idnow| async { idnow.binding_key(&ours()).await.map(drop) }.boxed(),
        ),
    ]
}

fn files() -> Vec<Column> {
    let zip = archive(&[stored("tx.xml", b"<identifications/>")]);
    vec![
        Column::new(
            "idnow.get_pdf",
            "GET /api/v1/examplebank/identifications/3f0c9e52-6b1d-4f7a-9c1e-5a7d20b4e811.pdf",
            answer("200 OK", "content-type: application/pdf\r\n", b"%PDF-1.7 made up"),
            |idnow: &Idnow| report(idnow).boxed(),
        )
        .sort(Sort::File),
        Column::new(
            "idnow.get_xml",
            "GET /api/v1/examplebank/identifications/3f0c9e52-6b1d-4f7a-9c1e-5a7d20b4e811.xml",
            answer("200 OK", "content-type: application/xml\r\n", b"<identifications/>"),
            |idnow: &Idnow| xml_report(idnow).boxed(),
        )
        .sort(Sort::File),
        Column::new(
            "idnow.get_zip",
            "GET /api/v1/examplebank/identifications/3f0c9e52-6b1d-4f7a-9c1e-5a7d20b4e811.zip",
            answer("200 OK", "content-type: application/zip\r\n", &zip),
            |idnow: &Idnow| list_files(idnow).boxed(),
        )
        .sort(Sort::File),
    ]
}

fn definitions() -> Vec<Column> {
    const ALL: &str = "GET /api/v1/examplebank/documentdefinitions";
    const ONE: &str = "GET /api/v1/examplebank/documentdefinitions/contract";
    let shown = definition_body();
    let field = [(DEFINITION, Some(VendorRejectedField))];
    vec![
        Column::new(
            "idnow.list_document_definitions",
            ALL,
            json("200 OK", &format!("[{shown}]")),
            |idnow: &Idnow| async { idnow.definitions().await.map(drop) }.boxed(),
        ),
        Column::new("idnow.get_document_definition", ONE, json("200 OK", &shown), |idnow: &Idnow| {
            async { Signing::definition(idnow, &contract()).await.map(drop) }.boxed()
        }),
        Column::new(
            "idnow.create_document_definition",
            "POST /api/v1/examplebank/documentdefinitions",
            json("201 Created", "{}"),
            |idnow: &Idnow| {
                async {
                    idnow
                        .create_definition(PutDefinition { id: &contract(), definition: &definition() })
                        .await
                }
                .boxed()
            },
        )
        .but(&DONE)
        .but(&field)
        .but(&[(GONE, Some(VendorRejectedRequest)), ("409", Some(ResourceExists))]),
        Column::new(
            "idnow.update_document_definition",
            "POST /api/v1/examplebank/documentdefinitions/contract",
            json("200 OK", "{}"),
            |idnow: &Idnow| {
                async {
                    idnow
                        .update_definition(PutDefinition { id: &contract(), definition: &definition() })
                        .await
                        .map(drop)
                }
                .boxed()
            },
        )
        .but(&DONE)
        .but(&field),
        Column::new(
            "idnow.delete_document_definition",
            "DELETE /api/v1/examplebank/documentdefinitions/contract",
            json("200 OK", "{}"),
            |idnow: &Idnow| async { idnow.delete_definition(&contract()).await.map(drop) }.boxed(),
        )
        .but(&DONE),
    ]
}

fn default_documents() -> Vec<Column> {
    vec![
        Column::new(
            "idnow.upload_default_document",
            "POST /api/v1/examplebank/documentdefinitions/contract/data",
            json("200 OK", "{}"),
            |idnow: &Idnow| upload_default(idnow).boxed(),
        )
        .time(300)
        .but(&DONE)
        .but(&[(DOCUMENT, Some(VendorRejectedField)), ("413", Some(DocumentTooLarge))]),
        Column::new(
            "idnow.get_default_document",
            "GET /api/v1/examplebank/documentdefinitions/contract/data",
            answer("200 OK", "content-type: application/pdf\r\n", b"%PDF-1.7 made up"),
            |idnow: &Idnow| default_document(idnow).boxed(),
        )
        .sort(Sort::File),
    ]
}

fn documents() -> Vec<Column> {
    let shown =
        format!(r#"{{"name":"Contract","status":"UPLOADED","documentDefinition":{}}}"#, definition_body());
    vec![
        Column::new(
            "idnow.upload_document",
            "POST /api/v1/examplebank/identifications/*/documents/contract/data",
            json("200 OK", "{}"),
            |idnow: &Idnow| upload(idnow).boxed(),
        )
        .time(300)
        .but(&DONE)
        .but(&[
            (DOCUMENT, Some(VendorRejectedField)),
            (GONE, Some(ResourceNotFound)),
            ("409", Some(IdentificationCompleted)),
            ("413", Some(DocumentTooLarge)),
        ]),
        Column::new(
            "idnow.update_document",
            "POST /api/v1/examplebank/identifications/*/documents/contract",
            json("200 OK", "{}"),
            |idnow: &Idnow| rename(idnow).boxed(),
        )
        .but(&DONE)
        .but(&[("409", Some(IdentificationCompleted))]),
        Column::new(
            "idnow.list_documents",
            "GET /api/v1/examplebank/identifications/*/documents",
            json("200 OK", &format!("[{shown}]")),
            |idnow: &Idnow| list_documents(idnow).boxed(),
        ),
        Column::new(
            "idnow.get_document",
            "GET /api/v1/examplebank/identifications/*/documents/contract",
            json("200 OK", &shown),
            |idnow: &Idnow| get_document(idnow).boxed(),
        ),
        Column::new(
            "idnow.get_signed_document",
            "GET /api/v1/examplebank/identifications/*/documents/contract/signed",
            answer("200 OK", "content-type: application/pdf\r\n", b"%PDF-1.7 made up"),
            |idnow: &Idnow| signed(idnow).boxed(),
        )
        .sort(Sort::File)
        .but(&[(DOCUMENT, Some(DocumentNotSigned))]),
    ]
}

fn ours() -> VendorReference {
    reference("", ID)
}

fn contract() -> DefinitionId {
    "contract".parse().unwrap()
}

fn definition() -> DocumentDefinition {
    DocumentDefinition {
        display_name: "Contract".to_owned(),
        media_type: PDF.to_owned(),
        ..DocumentDefinition::default()
    }
}

fn definition_body() -> String {
    r#"{"identifier":"contract","name":"Contract","mimeType":"application/pdf"}"#.to_owned()
}

fn name() -> String {
    format!("connections/bank/identifications/{ID}")
}

async fn start(idnow: &Idnow) -> Result<(), Error> {
    let command = command(Subject::default(), AutoIdentSpec::default());
    idnow.create(Create { command: &command }).await.map(drop)
}

async fn update(idnow: &Idnow) -> Result<(), Error> {
    let command = UpdateIdentification::parse(UpdateIdentificationRequest {
        name: name(),
        update_mask: Some(FieldMask { paths: vec!["subject.family_name".to_owned()] }),
        subject: Some(Subject { family_name: "Beispiel".to_owned(), ..Subject::default() }),
        ..UpdateIdentificationRequest::default()
    });
    idnow.update(Update { about: about(&ours()), command: &command.unwrap() }).await.map(drop)
}

async fn get(idnow: &Idnow) -> Result<(), Error> {
    idnow.get(Get { reference: &ours(), deadline: None }).await.map(drop)
}

async fn copy(idnow: &Idnow) -> Result<(), Error> {
    let copy = Copy { reference: &ours(), account: "otherbank", target_reference: "there-1" };
    idnow.copy(copy).await.map(drop)
}

async fn report(idnow: &Idnow) -> Result<(), Error> {
    download(idnow, "report-pdf").await
}

async fn xml_report(idnow: &Idnow) -> Result<(), Error> {
    download(idnow, "report-xml-direct").await
}

async fn download(idnow: &Idnow, file: &str) -> Result<(), Error> {
    let file = format!("{}/artifacts/{file}", name()).parse().unwrap();
    let Some(opened) = idnow.open(OpenArtifact { name: &file, reference: &ours() }).await? else {
        return Ok(());
    };
    opened.content.try_for_each(async |_piece| Ok(())).await
}

async fn list_files(idnow: &Idnow) -> Result<(), Error> {
    let name = name().parse().unwrap();
    Artifacts::list(idnow, ListArtifacts { name: &name, reference: &ours() }).await.map(drop)
}

async fn upload(idnow: &Idnow) -> Result<(), Error> {
    let name = document();
    let place = idnow.spools().place("test").await?;
    let content = Arc::new(place.keep(stream::iter([Ok("%PDF-1.7 made up".into())])).await?);
    idnow.upload(Upload { name: &name, reference: &ours(), content }).await
}

async fn upload_default(idnow: &Idnow) -> Result<(), Error> {
    let place = idnow.spools().place("test").await?;
    let content = Arc::new(place.keep(stream::iter([Ok("%PDF-1.7 made up".into())])).await?);
    idnow.upload_default(UploadDefault { id: &contract(), content }).await.map(drop)
}

async fn default_document(idnow: &Idnow) -> Result<(), Error> {
    let Some(pieces) = idnow.open_default(&contract()).await? else { return Ok(()) };
    pieces.try_for_each(async |_piece| Ok(())).await
}

async fn rename(idnow: &Idnow) -> Result<(), Error> {
    let (name, reference) = (document(), ours());
    idnow.rename(RenameDocument { name: &name, reference: &reference, display_name: "Loan" }).await.map(drop)
}

async fn list_documents(idnow: &Idnow) -> Result<(), Error> {
    let name = name().parse().unwrap();
    idnow.documents(ListDocuments { name: &name, reference: &ours() }).await.map(drop)
}

async fn get_document(idnow: &Idnow) -> Result<(), Error> {
    idnow.document(GetDocument { name: &document(), reference: &ours() }).await.map(drop)
}

async fn signed(idnow: &Idnow) -> Result<(), Error> {
    let get = GetDocument { name: &document(), reference: &ours() };
    let Some(pieces) = idnow.open_signed(get).await? else { return Ok(()) };
    pieces.try_for_each(async |_piece| Ok(())).await
}

fn document() -> DocumentName {
    format!("{}/documents/contract", name()).parse().unwrap()
}
