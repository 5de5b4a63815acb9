//! `ampd demo`: the whole pipeline on this machine, with no account and no network. A simulator in this process, with
//! planted faults; ampd in processes of its own that get SIGKILL; and a comparison of the lake with the truth that
//! shares no code with either.
//!
//! `world`: what is planted; `home`: the directory; `child`: ampd as a process; `acts`: what happens; `inventory`,
//! `verify`, `asked`, `verdict`: whether all is well; `story`: how it is told.

mod acts;
mod asked;
mod child;
mod home;
mod inventory;
mod story;
mod verdict;
mod verify;
mod world;

use std::net::{Ipv4Addr, SocketAddr};

use acts::Play;
use home::{Home, failure};
use world::{World, written};

use super::output::{self, Output};
use crate::cli::{DemoArgs, Global};
use crate::clock;
use crate::exit::Exit;
use crate::problem::Failure;
use crate::simulator::Simulator;

/// The rows of all hours together, about; and the fewest and most of one hour.
const ROWS: u64 = 12_000;
const ROWS_PER_HOUR: [u64; 2] = [200, 800];
/// When ampd is too fast to be killed, there are twice as many rows the next time.
const ATTEMPTS: u32 = 4;

/// Runs the demo.
pub async fn run(global: &Global, args: DemoArgs) -> Result<Exit, Failure> {
    let started = clock::monotonic();
    let output = Output::stdout(global.form());
    let home = Home::open(args.dir.as_deref())?;
    let mut play = opened(&home, args.hours, &output, global.quiet).await?;
    if play.kill_in_download().await? {
        play.kills.last().into_iter().for_each(|kill| output.text(&story::killed(kill)));
    }
    let ended = play.finish().await?;
    output.text(&story::finished(&ended, &written(play.world.corrupt)));
    play.recheck().await?;
    let verdict = verdict::judge(&play, &home).await?;
    let exit = if verdict.differences.is_empty() { Exit::Done } else { Exit::Difference };
    let seconds = clock::since(started).as_secs_f64();
    output.text(&story::verified(&play, &verdict));
    output.text(&story::look(&home, &play.world));
    if output.form() == crate::cli::OutputForm::Human {
        output.text(&format!("\n{}", play.ampd.status().await?));
    }
    let words = if exit == Exit::Done { "all is as it should be" } else { "NOT as it should be" };
    output.text(&format!("\nDone in {seconds:.1} s: {words}"));
    output.object(&story::object(&home, &play, &verdict, exit, seconds));
    output.finish()?;
    if args.serve {
        serve(play, global.quiet).await;
    }
    Ok(exit)
}

/// The play up to the kill in an upload, with as many rows as that takes.
async fn opened(home: &Home, hours: u32, output: &Output, quiet: bool) -> Result<Play, Failure> {
    let [fewest, most] = ROWS_PER_HOUR;
    let mut rows = (ROWS / u64::from(hours)).clamp(fewest, most);
    let mut attempt = 1;
    loop {
        let world = World::plan(hours, rows, clock::now());
        if attempt == 1 {
            output.text(&story::opening(home, &world));
        }
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let simulator =
            Simulator::start(world.options(), listen).await.map_err(|error| failure("start the simulator", &error))?;
        let mut play = Play::new(home, world, simulator)?;
        if play.kill_in_upload().await? {
            play.kills.last().into_iter().for_each(|kill| output.text(&story::killed(kill)));
            return Ok(play);
        }
        if attempt == ATTEMPTS {
            // The verdict says so.
            return Ok(play);
        }
        if !quiet {
            output::note("ampd was done before it could be killed; again, with twice as many rows");
        }
        play.simulator.shutdown().await;
        (rows, attempt) = (rows * 2, attempt + 1);
    }
}

/// Keeps the simulator until Ctrl-C.
async fn serve(play: Play, quiet: bool) {
    if !quiet {
        output::note(&format!("the simulator goes on at {} until Ctrl-C; its clock runs", play.simulator.url()));
    }
    // Without a signal handler Ctrl-C ends the process, which is what it is for.
    let _ = tokio::signal::ctrl_c().await;
    play.simulator.shutdown().await;
}
