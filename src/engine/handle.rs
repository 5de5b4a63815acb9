//! The running engine, as others in the process reach it: between two of its turns.

use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot};

use super::{Control, Engine, Order};

/// The engine ended, or is being exchanged for one with another configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the engine is not running")]
pub struct Gone;

/// Reaches the running engine. Clones reach the same one.
#[derive(Clone)]
pub struct Handle(mpsc::Sender<Control>);

impl Handle {
    /// A handle that sends to a driver's receiver.
    pub fn new(control: mpsc::Sender<Control>) -> Self {
        Self(control)
    }

    /// Looks at the engine between two turns.
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Engine, DateTime<Utc>) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        let (answer, seen) = oneshot::channel();
        let look = move |engine: &Engine, now| {
            let _ = answer.send(look(engine, now));
        };
        self.0.send(Control::Look(Box::new(look))).await.map_err(|_| Gone)?;
        seen.await.map_err(|_| Gone)
    }

    /// Gives an order; the inner error says why it cannot be carried out.
    pub async fn order(&self, order: Order) -> Result<Result<(), String>, Gone> {
        let (answer, result) = oneshot::channel();
        self.0.send(Control::Order(order, answer)).await.map_err(|_| Gone)?;
        result.await.map_err(|_| Gone)
    }

    /// Lets it ask who leads.
    pub async fn lead(&self) -> Result<(), Gone> {
        self.0.send(Control::Lead).await.map_err(|_| Gone)
    }

    /// Lets it look for hours that became due.
    pub async fn tick(&self) -> Result<(), Gone> {
        self.0.send(Control::Tick).await.map_err(|_| Gone)
    }
}
