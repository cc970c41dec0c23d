//! A gateway that stops before or right after any append of a change at the vendor.
//!
//! Nothing acknowledged is lost, and what was begun is gone on with: by its caller, who repeats it, or by the worker. What
//! the vendor must not be asked for twice it is asked for once.

use std::fmt::Debug;

use aws_lc_rs::digest::{SHA256, digest};
use futures::stream::{self, StreamExt as _};
use idv_gateway::proto::document_signing_service_client::DocumentSigningServiceClient;
use idv_gateway::proto::identification_service_client::IdentificationServiceClient;
use idv_gateway::proto::upload_document_request::Part;
use idv_gateway::proto::{
    AdoptIdentificationRequest, AdoptIdentificationResponse, ArchiveIdentificationRequest,
    ArchiveIdentificationResponse, CopyIdentificationRequest, CopyIdentificationResponse,
    CreateDocumentDefinitionRequest, DeleteIdentificationRequest, DeleteIdentificationResponse, Document,
    DocumentDefinition, Event, EventType, Subject, UpdateIdentificationRequest, UpdateIdentificationResponse,
    UploadDocumentHeader, UploadDocumentRequest, UploadDocumentResponse, VendorReference,
};
use prost_types::FieldMask;
use serde_json::json;

use super::house::{Doors, House, OTHER_CUSTOMER};
use super::kill::everything;
use super::stopping::{Mortal, Stop, ask, count, nothing_to_do};

const REQUEST_ID: &str = "7d2c115f-1b7e-4b27-94f1-8b0c3f6a0e7d";
/// Made and decided at the vendor before the gateway hears of it.
const NUMBER: &str = "Order_7-A";
const PDF: &str = "application/pdf";
const CONTRACT: &[u8] = b"%PDF-1.4 of a few words";

const CREATED: EventType = EventType::IdentificationCreated;
const COMPLETED: EventType = EventType::IdentificationCompleted;
const ARCHIVED: EventType = EventType::IdentificationArchived;
const DELETED: EventType = EventType::IdentificationDeleted;
const UPDATED: EventType = EventType::IdentificationUpdated;

/// Who goes on with what a stop has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heir {
    Caller,
    /// The caller repeats only when the worker has nothing left to do.
    Worker,
}

/// One kind of change, and the vendor's route that it must not take too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scene {
    Adopt,
    Archive,
    Copy,
    /// To an account that the gateway has no connection for, and cannot ask.
    CopyOut,
    Delete,
    Upload,
    Update,
}

impl Scene {
    fn route(self) -> &'static str {
        match self {
            // A question, which may be repeated freely.
            Self::Adopt => "",
            Self::Archive => "POST /api/v1/{customer}/identifications/{t}/archive",
            Self::Copy | Self::CopyOut => "POST /api/v1/{customer}/identifications/{t}/copy",
            Self::Delete => "DELETE /api/v1/{customer}/identifications/{t}",
            Self::Upload => "POST /api/v1/{customer}/identifications/{t}/documents/{id}/data",
            Self::Update => "POST /api/v1/{customer}/identifications/{t}/start",
        }
    }

    /// How often the vendor is asked for it: before the caller repeats it, and in all.
    fn calls(self, stop: Stop) -> (u64, u64) {
        match (self, stop) {
            (Self::Adopt, _) => (0, 0),
            // Nothing is recorded before it is sent: only its caller may repeat it.
            (Self::Upload | Self::Update, Stop::Before(1)) => (1, 2),
            (Self::Upload | Self::Update, _) => (1, 1),
            (_, Stop::Before(1)) => (0, 1),
            // What was begun may have been sent.
            (Self::CopyOut, Stop::After(1)) => (0, 0),
            // A copy is looked for where it should be, before it is sent again.
            (Self::Copy | Self::CopyOut, _) => (1, 1),
            (Self::Archive | Self::Delete, Stop::Before(2)) => (2, 2),
            (Self::Archive | Self::Delete, _) => (1, 1),
        }
    }

    /// Appends it takes.
    fn appends(self) -> u64 {
        match self {
            Self::Adopt | Self::Upload | Self::Update => 1,
            Self::Archive | Self::Copy | Self::CopyOut | Self::Delete => 2,
        }
    }
}

/// Where a gateway stops in each scene.
type Stops = fn(Scene) -> Stop;

/// A gateway that may stop once in every scene, and its callers.
struct Run {
    mortal: Mortal,
    stop: Stops,
    heir: Heir,
    faults: Vec<String>,
}

impl Run {
    async fn begin(stop: Stops, heir: Heir) -> Self {
        let house = House::build().await;
        house.connect_other();
        Self { mortal: Mortal::over(house, Stop::Never).await, stop, heir, faults: Vec::new() }
    }

    /// Makes `call` until it is answered, in spite of the stop, and once more.
    async fn play<T: PartialEq + Debug>(
        &mut self,
        scene: Scene,
        call: impl AsyncFn(&House, Doors) -> Option<T>,
    ) -> T {
        let (stop, stops) = ((self.stop)(scene), self.mortal.stops);
        let before = self.mortal.house.answers(scene.route()).await;
        self.mortal.arm(stop, &format!("{scene:?}"), self.heir == Heir::Worker);
        let mut answer = self.mortal.attempt(&call).await;
        if answer.is_none() && self.heir == Heir::Worker {
            self.mortal.until(nothing_to_do).await;
            let calls = self.mortal.house.answers(scene.route()).await - before;
            self.expect(calls == scene.calls(stop).0, || {
                format!("{scene:?} came to {calls} calls by itself")
            });
        }
        if answer.is_none() {
            answer = Some(self.mortal.until(&call).await);
        }
        let again = self.mortal.until(&call).await;
        let calls = self.mortal.house.answers(scene.route()).await - before;
        self.expect(calls == scene.calls(stop).1, || format!("{scene:?} came to {calls} calls"));
        self.expect(answer.as_ref() == Some(&again), || {
            format!("{scene:?}: {answer:?}, and again {again:?}")
        });
        let (Stop::Before(at) | Stop::After(at)) = stop else { return again };
        let stopped = self.mortal.stops > stops;
        self.expect(stopped == (at <= scene.appends()), || format!("{scene:?} did not stop at {stop:?}"));
        again
    }

    fn expect(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.faults.push(fault());
        }
    }

    /// What is wrong.
    async fn tell(mut self) -> Vec<String> {
        let decided = self.decided().await;
        let open = self.open().await;
        self.mortal.until(nothing_to_do).await;
        self.mortal.kill();
        let house = &self.mortal.house;
        let sealed = count(house, "SELECT count(*) FROM sealed_keys");
        let events = everything(house).await;
        let of = |name: &str| -> Vec<EventType> {
            events.iter().filter(|event| event.identification == name).map(Event::r#type).collect()
        };
        let copies: Vec<_> =
            events.iter().filter(|event| event.identification.contains(OTHER_CUSTOMER)).collect();
        let (told, told_open, all) = (of(&decided), of(&open), events.len());
        let told_copies: Vec<_> = copies.iter().map(|event| event.r#type()).collect();
        let revisions: Vec<_> = copies.iter().map(|event| event.revision).collect();
        let whole = told == [CREATED, COMPLETED, ARCHIVED, DELETED];
        self.expect(whole, || format!("{decided}: {told:?}"));
        let whole = told_copies == [CREATED, COMPLETED] && revisions == [1, 2];
        self.expect(whole, || format!("the copies: {told_copies:?} {revisions:?}"));
        let whole = told_open == [CREATED, EventType::DocumentUploaded, UPDATED];
        self.expect(whole, || format!("{open}: {told_open:?}"));
        self.expect(all == 9, || format!("{all} events"));
        self.expect(sealed == 0, || format!("{sealed} requests were left behind"));
        self.faults
    }

    /// One that is decided: taken over, archived, copied, erased. Its name.
    async fn decided(&mut self) -> String {
        self.mortal.house.made_elsewhere(NUMBER).await;
        for (does, body) in
            [("start", json!({})), ("submit", json!({})), ("review", json!({ "result": "SUCCESS" }))]
        {
            self.mortal.house.act(NUMBER, does, body).await;
        }
        let adopted = self.play(Scene::Adopt, adopt).await.unwrap();
        let name = adopted.identification.unwrap().name;
        let archive = async |_house: &House, doors: Doors| archive(doors, &name).await;
        self.play(Scene::Archive, archive).await.unwrap();
        let inside = CopyIdentificationRequest {
            name: name.clone(),
            destination_parent: format!("connections/{OTHER_CUSTOMER}"),
            request_id: REQUEST_ID.to_owned(),
            ..CopyIdentificationRequest::default()
        };
        let outside = CopyIdentificationRequest {
            destination_parent: String::new(),
            vendor_account: OTHER_CUSTOMER.to_owned(),
            target_reference: "there-1".to_owned(),
            request_id: "0b6f6c1e-0a3e-4d7f-8f0e-2f4f9d1c7a55".to_owned(),
            ..inside.clone()
        };
        self.play(Scene::Copy, async |_house: &House, doors: Doors| copy(doors, &inside).await)
            .await
            .unwrap();
        let told =
            self.play(Scene::CopyOut, async |_house: &House, doors: Doors| copy(doors, &outside).await).await;
        // Whether what was begun was sent, nobody can say any more.
        let begun = matches!((self.stop)(Scene::CopyOut), Stop::After(1) | Stop::Before(2));
        let reason = told.as_ref().err().map(String::as_str);
        let expected = begun.then_some("VENDOR_OUTCOME_UNKNOWN");
        self.expect(reason == expected, || format!("the copy of which nothing is kept: {told:?}"));
        let delete = async |_house: &House, doors: Doors| delete(doors, &name).await;
        self.play(Scene::Delete, delete).await.unwrap();
        name
    }

    /// One that is open: a document is uploaded, and the vendor told of another name. Its name.
    async fn open(&mut self) -> String {
        let doors = self.mortal.doors();
        let name = self.mortal.house.create(doors.channel().await).await;
        let definition = CreateDocumentDefinitionRequest {
            parent: self.mortal.house.creation().parent,
            document_definition_id: "contract".to_owned(),
            document_definition: Some(DocumentDefinition {
                display_name: "Contract".to_owned(),
                media_type: PDF.to_owned(),
                ..DocumentDefinition::default()
            }),
            ..CreateDocumentDefinitionRequest::default()
        };
        let mut documents = DocumentSigningServiceClient::new(doors.channel().await);
        documents.create_document_definition(definition).await.unwrap();
        let upload = async |_house: &House, doors: Doors| upload(doors, &name).await;
        self.play(Scene::Upload, upload).await.unwrap();
        let update = async |_house: &House, doors: Doors| update(doors, &name).await;
        self.play(Scene::Update, update).await.unwrap();
        name
    }
}

/// The first answer or a repeat of it: which, makes no difference here.
type Told<R> = Option<Result<R, String>>;

async fn adopt(house: &House, doors: Doors) -> Told<AdoptIdentificationResponse> {
    let request = AdoptIdentificationRequest {
        parent: house.creation().parent,
        vendor_reference: Some(VendorReference {
            reference: NUMBER.to_owned(),
            ..VendorReference::default()
        }),
        request_id: REQUEST_ID.to_owned(),
        ..AdoptIdentificationRequest::default()
    };
    let call = async |channel| IdentificationServiceClient::new(channel).adopt_identification(request).await;
    let told = ask(doors, call).await?;
    Some(told.map(|answer| AdoptIdentificationResponse { replayed: false, ..answer }))
}

async fn archive(doors: Doors, name: &str) -> Told<ArchiveIdentificationResponse> {
    let request = ArchiveIdentificationRequest {
        name: name.to_owned(),
        request_id: REQUEST_ID.to_owned(),
        ..ArchiveIdentificationRequest::default()
    };
    let call =
        async |channel| IdentificationServiceClient::new(channel).archive_identification(request).await;
    let told = ask(doors, call).await?;
    Some(told.map(|answer| ArchiveIdentificationResponse { replayed: false, ..answer }))
}

async fn copy(doors: Doors, request: &CopyIdentificationRequest) -> Told<CopyIdentificationResponse> {
    let request = request.clone();
    let call = async |channel| IdentificationServiceClient::new(channel).copy_identification(request).await;
    let told = ask(doors, call).await?;
    Some(told.map(|answer| CopyIdentificationResponse { replayed: false, ..answer }))
}

async fn delete(doors: Doors, name: &str) -> Told<DeleteIdentificationResponse> {
    let request = DeleteIdentificationRequest {
        name: name.to_owned(),
        request_id: REQUEST_ID.to_owned(),
        ..DeleteIdentificationRequest::default()
    };
    let call = async |channel| IdentificationServiceClient::new(channel).delete_identification(request).await;
    let told = ask(doors, call).await?;
    Some(told.map(|answer| DeleteIdentificationResponse { replayed: false, ..answer }))
}

async fn upload(doors: Doors, name: &str) -> Told<UploadDocumentResponse> {
    let header = UploadDocumentHeader {
        name: format!("{name}/documents/contract"),
        size_bytes: CONTRACT.len() as i64,
        sha256: digest(&SHA256, CONTRACT).as_ref().to_vec(),
        media_type: PDF.to_owned(),
        request_id: REQUEST_ID.to_owned(),
    };
    let parts = [Part::Header(header), Part::Chunk(CONTRACT.to_vec())];
    let parts = stream::iter(parts.map(|part| UploadDocumentRequest { part: Some(part) }));
    let call = async |channel| DocumentSigningServiceClient::new(channel).upload_document(parts).await;
    let told = ask(doors, call).await?;
    // What a person may have written into the document's name is not kept for a repeat.
    let bare = |document: Document| Document { display_name: String::new(), definition: None, ..document };
    let same = |answer: UploadDocumentResponse| UploadDocumentResponse {
        document: answer.document.map(bare),
        replayed: false,
        ..answer
    };
    Some(told.map(same))
}

async fn update(doors: Doors, name: &str) -> Told<UpdateIdentificationResponse> {
    let request = UpdateIdentificationRequest {
        name: name.to_owned(),
        update_mask: Some(FieldMask { paths: vec!["subject.given_name".to_owned()] }),
        subject: Some(Subject { given_name: "Max".to_owned(), ..Subject::default() }),
        request_id: REQUEST_ID.to_owned(),
        ..UpdateIdentificationRequest::default()
    };
    let call = async |channel| IdentificationServiceClient::new(channel).update_identification(request).await;
    let told = ask(doors, call).await?;
    Some(told.map(|answer| UpdateIdentificationResponse { replayed: false, ..answer }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_at_any_append_is_made_up_for() {
    let runs: [(Stops, Heir); 7] = [
        (|_scene| Stop::Before(1), Heir::Caller),
        (|_scene| Stop::Before(1), Heir::Worker),
        (|_scene| Stop::After(1), Heir::Caller),
        (|_scene| Stop::After(1), Heir::Worker),
        (|_scene| Stop::Before(2), Heir::Caller),
        (|_scene| Stop::Before(2), Heir::Worker),
        (|_scene| Stop::After(2), Heir::Caller),
    ];
    let told = stream::iter(runs).map(async |(stop, heir)| {
        let faults = Run::begin(stop, heir).await.tell().await;
        assert_eq!(faults, [""; 0], "{:?} {heir:?}", stop(Scene::Adopt));
    });
    told.buffer_unordered(3).collect::<()>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_outcome_is_noticed() {
    let forgetful: Stops = |scene| if scene == Scene::Archive { Stop::Forgetting(2) } else { Stop::Never };
    let faults = Run::begin(forgetful, Heir::Caller).await.tell().await;
    assert!(faults.iter().any(|fault| fault.contains("Archive came to 3 calls")), "{faults:?}");
}
