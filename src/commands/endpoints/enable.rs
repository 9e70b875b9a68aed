//! `forebay endpoints enable`.

use anyhow::Context as _;

use super::{kept, load};
use crate::cli::EndpointsEnableArgs;
use crate::output::{self, Printer};
use crate::{assemble, config, deliveries};

/// Lets an endpoint get deliveries again.
pub(super) async fn enable(args: &EndpointsEnableArgs, out: &mut Printer) -> anyhow::Result<()> {
    let loaded = load(&args.log, &config::asks_the_store())?;
    let registry = assemble::registry(&loaded)?;
    let endpoint = deliveries::find(&loaded, &*registry, args.id.as_str())?;
    let (kept, sink, id) = (kept(&loaded).await?, deliveries::sink(), &endpoint.id);
    let enabled = kept.backlog.enable(&sink, id.as_str()).await.context("store")?;
    let waiting = kept.backlog.targets(&sink).await.context("store")?;
    kept.close().await;
    if !enabled {
        out.line(&format!("nothing to enable: endpoint `{id}` is not disabled"));
        return Ok(());
    }
    let rows = waiting.into_iter().find(|rows| rows.target == id.as_str());
    let rows = rows.map_or(0, |rows| rows.in_line + rows.with_time);
    out.line(&format!(
        "enabled: endpoint `{id}` gets deliveries again, and {} waiting for it; what came while it was disabled is not among them: \
         `forebay endpoints recover {id} --since …`",
        if rows == 1 {
            "1 delivery is".to_owned()
        } else {
            format!("{rows} deliveries are")
        }
    ));
    if endpoint.paused {
        output::remark(&format!(
            "note: endpoint `{id}` is paused: nothing goes out until `paused: true` is taken out"
        ));
    }
    Ok(())
}
