//! Platforms whose webhooks are set by hand.

use control::connect::{KeptSecret, Registration};
use schemas::platform::Platform as Name;

use super::fake::{SECRET, URL_SECRET, order, run, source, two_proofs};

#[tokio::test]
async fn platforms_that_are_set_by_hand_get_directions_with_the_url_and_without_the_secret() {
    for platform in [
        Name::Huggy,
        Name::Slack,
        Name::WhatsappCloud,
        Name::Intercom,
        Name::Twitter,
        Name::Cloudevents,
        Name::Standard,
    ] {
        let by_hand = source(platform, None);
        let report = run(&order(&by_hand)).await.0.expect("directions");
        let Registration::ByHand(steps) = &report.registration else {
            panic!("{report:?}")
        };
        assert!(
            steps.iter().any(|s| s.contains("https://hooks.example.com/in/line-1")),
            "{platform}: {steps:?}"
        );
        let kept = report.kept_secret.as_ref().map(|kept| match kept {
            KeptSecret::Url(url) => url.expose_str().unwrap_or_default().to_owned(),
            KeptSecret::SigningSecret(_) => panic!("{platform} makes no secret"),
        });
        let expected = (platform == Name::Huggy).then(|| format!("https://hooks.example.com/in/line-1/{SECRET}"));
        assert_eq!(kept, expected, "{platform}");
    }
}

#[tokio::test]
async fn by_hand_the_url_of_a_source_with_two_proofs_is_kept_with_its_secret_and_shown_without() {
    for platform in [Name::Slack, Name::WhatsappCloud, Name::Standard] {
        let by_hand = two_proofs(platform, None);
        let report = run(&order(&by_hand)).await.0.expect("directions");
        assert_eq!(report.url, "https://hooks.example.com/in/line-1/[redacted]");
        let Some(KeptSecret::Url(url)) = &report.kept_secret else {
            panic!("{report:?}")
        };
        let expected = format!("https://hooks.example.com/in/line-1/{URL_SECRET}");
        assert_eq!(url.expose_str(), Some(&*expected), "{platform}");
    }
}
