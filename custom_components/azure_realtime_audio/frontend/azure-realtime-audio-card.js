var Ri=Object.defineProperty;var Li=Object.getOwnPropertyDescriptor;var g=(i,e,t,s)=>{for(var n=s>1?void 0:s?Li(e,t):e,r=i.length-1,o;r>=0;r--)(o=i[r])&&(n=(s?o(e,t,n):o(n))||n);return s&&n&&Ri(e,t,n),n};var me=globalThis,fe=me.ShadowRoot&&(me.ShadyCSS===void 0||me.ShadyCSS.nativeShadow)&&"adoptedStyleSheets"in Document.prototype&&"replace"in CSSStyleSheet.prototype,Ye=Symbol(),kt=new WeakMap,te=class{constructor(e,t,s){if(this._$cssResult$=!0,s!==Ye)throw Error("CSSResult is not constructable. Use `unsafeCSS` or `css` instead.");this.cssText=e,this.t=t}get styleSheet(){let e=this.o,t=this.t;if(fe&&e===void 0){let s=t!==void 0&&t.length===1;s&&(e=kt.get(t)),e===void 0&&((this.o=e=new CSSStyleSheet).replaceSync(this.cssText),s&&kt.set(t,e))}return e}toString(){return this.cssText}},$t=i=>new te(typeof i=="string"?i:i+"",void 0,Ye),P=(i,...e)=>{let t=i.length===1?i[0]:e.reduce((s,n,r)=>s+(o=>{if(o._$cssResult$===!0)return o.cssText;if(typeof o=="number")return o;throw Error("Value passed to 'css' function must be a 'css' function result: "+o+". Use 'unsafeCSS' to pass non-literal values, but take care to ensure page security.")})(n)+i[r+1],i[0]);return new te(t,i,Ye)},At=(i,e)=>{if(fe)i.adoptedStyleSheets=e.map(t=>t instanceof CSSStyleSheet?t:t.styleSheet);else for(let t of e){let s=document.createElement("style"),n=me.litNonce;n!==void 0&&s.setAttribute("nonce",n),s.textContent=t.cssText,i.appendChild(s)}},Ze=fe?i=>i:i=>i instanceof CSSStyleSheet?(e=>{let t="";for(let s of e.cssRules)t+=s.cssText;return $t(t)})(i):i;var{is:Hi,defineProperty:Oi,getOwnPropertyDescriptor:Fi,getOwnPropertyNames:Ii,getOwnPropertySymbols:Ni,getPrototypeOf:Ui}=Object,ge=globalThis,St=ge.trustedTypes,Bi=St?St.emptyScript:"",Di=ge.reactiveElementPolyfillSupport,ie=(i,e)=>i,se={toAttribute(i,e){switch(e){case Boolean:i=i?Bi:null;break;case Object:case Array:i=i==null?i:JSON.stringify(i)}return i},fromAttribute(i,e){let t=i;switch(e){case Boolean:t=i!==null;break;case Number:t=i===null?null:Number(i);break;case Object:case Array:try{t=JSON.parse(i)}catch{t=null}}return t}},ye=(i,e)=>!Hi(i,e),Et={attribute:!0,type:String,converter:se,reflect:!1,useDefault:!1,hasChanged:ye};Symbol.metadata??=Symbol("metadata"),ge.litPropertyMetadata??=new WeakMap;var A=class extends HTMLElement{static addInitializer(e){this._$Ei(),(this.l??=[]).push(e)}static get observedAttributes(){return this.finalize(),this._$Eh&&[...this._$Eh.keys()]}static createProperty(e,t=Et){if(t.state&&(t.attribute=!1),this._$Ei(),this.prototype.hasOwnProperty(e)&&((t=Object.create(t)).wrapped=!0),this.elementProperties.set(e,t),!t.noAccessor){let s=Symbol(),n=this.getPropertyDescriptor(e,s,t);n!==void 0&&Oi(this.prototype,e,n)}}static getPropertyDescriptor(e,t,s){let{get:n,set:r}=Fi(this.prototype,e)??{get(){return this[t]},set(o){this[t]=o}};return{get:n,set(o){let a=n?.call(this);r?.call(this,o),this.requestUpdate(e,a,s)},configurable:!0,enumerable:!0}}static getPropertyOptions(e){return this.elementProperties.get(e)??Et}static _$Ei(){if(this.hasOwnProperty(ie("elementProperties")))return;let e=Ui(this);e.finalize(),e.l!==void 0&&(this.l=[...e.l]),this.elementProperties=new Map(e.elementProperties)}static finalize(){if(this.hasOwnProperty(ie("finalized")))return;if(this.finalized=!0,this._$Ei(),this.hasOwnProperty(ie("properties"))){let t=this.properties,s=[...Ii(t),...Ni(t)];for(let n of s)this.createProperty(n,t[n])}let e=this[Symbol.metadata];if(e!==null){let t=litPropertyMetadata.get(e);if(t!==void 0)for(let[s,n]of t)this.elementProperties.set(s,n)}this._$Eh=new Map;for(let[t,s]of this.elementProperties){let n=this._$Eu(t,s);n!==void 0&&this._$Eh.set(n,t)}this.elementStyles=this.finalizeStyles(this.styles)}static finalizeStyles(e){let t=[];if(Array.isArray(e)){let s=new Set(e.flat(1/0).reverse());for(let n of s)t.unshift(Ze(n))}else e!==void 0&&t.push(Ze(e));return t}static _$Eu(e,t){let s=t.attribute;return s===!1?void 0:typeof s=="string"?s:typeof e=="string"?e.toLowerCase():void 0}constructor(){super(),this._$Ep=void 0,this.isUpdatePending=!1,this.hasUpdated=!1,this._$Em=null,this._$Ev()}_$Ev(){this._$ES=new Promise(e=>this.enableUpdating=e),this._$AL=new Map,this._$E_(),this.requestUpdate(),this.constructor.l?.forEach(e=>e(this))}addController(e){(this._$EO??=new Set).add(e),this.renderRoot!==void 0&&this.isConnected&&e.hostConnected?.()}removeController(e){this._$EO?.delete(e)}_$E_(){let e=new Map,t=this.constructor.elementProperties;for(let s of t.keys())this.hasOwnProperty(s)&&(e.set(s,this[s]),delete this[s]);e.size>0&&(this._$Ep=e)}createRenderRoot(){let e=this.shadowRoot??this.attachShadow(this.constructor.shadowRootOptions);return At(e,this.constructor.elementStyles),e}connectedCallback(){this.renderRoot??=this.createRenderRoot(),this.enableUpdating(!0),this._$EO?.forEach(e=>e.hostConnected?.())}enableUpdating(e){}disconnectedCallback(){this._$EO?.forEach(e=>e.hostDisconnected?.())}attributeChangedCallback(e,t,s){this._$AK(e,s)}_$ET(e,t){let s=this.constructor.elementProperties.get(e),n=this.constructor._$Eu(e,s);if(n!==void 0&&s.reflect===!0){let r=(s.converter?.toAttribute!==void 0?s.converter:se).toAttribute(t,s.type);this._$Em=e,r==null?this.removeAttribute(n):this.setAttribute(n,r),this._$Em=null}}_$AK(e,t){let s=this.constructor,n=s._$Eh.get(e);if(n!==void 0&&this._$Em!==n){let r=s.getPropertyOptions(n),o=typeof r.converter=="function"?{fromAttribute:r.converter}:r.converter?.fromAttribute!==void 0?r.converter:se;this._$Em=n;let a=o.fromAttribute(t,r.type);this[n]=a??this._$Ej?.get(n)??a,this._$Em=null}}requestUpdate(e,t,s,n=!1,r){if(e!==void 0){let o=this.constructor;if(n===!1&&(r=this[e]),s??=o.getPropertyOptions(e),!((s.hasChanged??ye)(r,t)||s.useDefault&&s.reflect&&r===this._$Ej?.get(e)&&!this.hasAttribute(o._$Eu(e,s))))return;this.C(e,t,s)}this.isUpdatePending===!1&&(this._$ES=this._$EP())}C(e,t,{useDefault:s,reflect:n,wrapped:r},o){s&&!(this._$Ej??=new Map).has(e)&&(this._$Ej.set(e,o??t??this[e]),r!==!0||o!==void 0)||(this._$AL.has(e)||(this.hasUpdated||s||(t=void 0),this._$AL.set(e,t)),n===!0&&this._$Em!==e&&(this._$Eq??=new Set).add(e))}async _$EP(){this.isUpdatePending=!0;try{await this._$ES}catch(t){Promise.reject(t)}let e=this.scheduleUpdate();return e!=null&&await e,!this.isUpdatePending}scheduleUpdate(){return this.performUpdate()}performUpdate(){if(!this.isUpdatePending)return;if(!this.hasUpdated){if(this.renderRoot??=this.createRenderRoot(),this._$Ep){for(let[n,r]of this._$Ep)this[n]=r;this._$Ep=void 0}let s=this.constructor.elementProperties;if(s.size>0)for(let[n,r]of s){let{wrapped:o}=r,a=this[n];o!==!0||this._$AL.has(n)||a===void 0||this.C(n,void 0,r,a)}}let e=!1,t=this._$AL;try{e=this.shouldUpdate(t),e?(this.willUpdate(t),this._$EO?.forEach(s=>s.hostUpdate?.()),this.update(t)):this._$EM()}catch(s){throw e=!1,this._$EM(),s}e&&this._$AE(t)}willUpdate(e){}_$AE(e){this._$EO?.forEach(t=>t.hostUpdated?.()),this.hasUpdated||(this.hasUpdated=!0,this.firstUpdated(e)),this.updated(e)}_$EM(){this._$AL=new Map,this.isUpdatePending=!1}get updateComplete(){return this.getUpdateComplete()}getUpdateComplete(){return this._$ES}shouldUpdate(e){return!0}update(e){this._$Eq&&=this._$Eq.forEach(t=>this._$ET(t,this[t])),this._$EM()}updated(e){}firstUpdated(e){}};A.elementStyles=[],A.shadowRootOptions={mode:"open"},A[ie("elementProperties")]=new Map,A[ie("finalized")]=new Map,Di?.({ReactiveElement:A}),(ge.reactiveElementVersions??=[]).push("2.1.2");var Qe=globalThis,Ct=i=>i,ve=Qe.trustedTypes,Mt=ve?ve.createPolicy("lit-html",{createHTML:i=>i}):void 0,Xe="$lit$",S=`lit$${Math.random().toFixed(9).slice(2)}$`,et="?"+S,zi=`<${et}>`,H=document,re=()=>H.createComment(""),oe=i=>i===null||typeof i!="object"&&typeof i!="function",tt=Array.isArray,Ot=i=>tt(i)||typeof i?.[Symbol.iterator]=="function",Je=`[ 	
\f\r]`,ne=/<(?:(!--|\/[^a-zA-Z])|(\/?[a-zA-Z][^>\s]*)|(\/?$))/g,Tt=/-->/g,Pt=/>/g,R=RegExp(`>|${Je}(?:([^\\s"'>=/]+)(${Je}*=${Je}*(?:[^ 	
\f\r"'\`<>=]|("|')|))|$)`,"g"),Rt=/'/g,Lt=/"/g,Ft=/^(?:script|style|textarea|title)$/i,it=i=>(e,...t)=>({_$litType$:i,strings:e,values:t}),c=it(1),It=it(2),Xs=it(3),E=Symbol.for("lit-noChange"),h=Symbol.for("lit-nothing"),Ht=new WeakMap,L=H.createTreeWalker(H,129);function Nt(i,e){if(!tt(i)||!i.hasOwnProperty("raw"))throw Error("invalid template strings array");return Mt!==void 0?Mt.createHTML(e):e}var Ut=(i,e)=>{let t=i.length-1,s=[],n,r=e===2?"<svg>":e===3?"<math>":"",o=ne;for(let a=0;a<t;a++){let l=i[a],d,m,p=-1,f=0;for(;f<l.length&&(o.lastIndex=f,m=o.exec(l),m!==null);)f=o.lastIndex,o===ne?m[1]==="!--"?o=Tt:m[1]!==void 0?o=Pt:m[2]!==void 0?(Ft.test(m[2])&&(n=RegExp("</"+m[2],"g")),o=R):m[3]!==void 0&&(o=R):o===R?m[0]===">"?(o=n??ne,p=-1):m[1]===void 0?p=-2:(p=o.lastIndex-m[2].length,d=m[1],o=m[3]===void 0?R:m[3]==='"'?Lt:Rt):o===Lt||o===Rt?o=R:o===Tt||o===Pt?o=ne:(o=R,n=void 0);let u=o===R&&i[a+1].startsWith("/>")?" ":"";r+=o===ne?l+zi:p>=0?(s.push(d),l.slice(0,p)+Xe+l.slice(p)+S+u):l+S+(p===-2?a:u)}return[Nt(i,r+(i[t]||"<?>")+(e===2?"</svg>":e===3?"</math>":"")),s]},ae=class i{constructor({strings:e,_$litType$:t},s){let n;this.parts=[];let r=0,o=0,a=e.length-1,l=this.parts,[d,m]=Ut(e,t);if(this.el=i.createElement(d,s),L.currentNode=this.el.content,t===2||t===3){let p=this.el.content.firstChild;p.replaceWith(...p.childNodes)}for(;(n=L.nextNode())!==null&&l.length<a;){if(n.nodeType===1){if(n.hasAttributes())for(let p of n.getAttributeNames())if(p.endsWith(Xe)){let f=m[o++],u=n.getAttribute(p).split(S),y=/([.?@])?(.*)/.exec(f);l.push({type:1,index:r,name:y[2],strings:u,ctor:y[1]==="."?we:y[1]==="?"?xe:y[1]==="@"?_e:F}),n.removeAttribute(p)}else p.startsWith(S)&&(l.push({type:6,index:r}),n.removeAttribute(p));if(Ft.test(n.tagName)){let p=n.textContent.split(S),f=p.length-1;if(f>0){n.textContent=ve?ve.emptyScript:"";for(let u=0;u<f;u++)n.append(p[u],re()),L.nextNode(),l.push({type:2,index:++r});n.append(p[f],re())}}}else if(n.nodeType===8)if(n.data===et)l.push({type:2,index:r});else{let p=-1;for(;(p=n.data.indexOf(S,p+1))!==-1;)l.push({type:7,index:r}),p+=S.length-1}r++}}static createElement(e,t){let s=H.createElement("template");return s.innerHTML=e,s}};function O(i,e,t=i,s){if(e===E)return e;let n=s!==void 0?t._$Co?.[s]:t._$Cl,r=oe(e)?void 0:e._$litDirective$;return n?.constructor!==r&&(n?._$AO?.(!1),r===void 0?n=void 0:(n=new r(i),n._$AT(i,t,s)),s!==void 0?(t._$Co??=[])[s]=n:t._$Cl=n),n!==void 0&&(e=O(i,n._$AS(i,e.values),n,s)),e}var be=class{constructor(e,t){this._$AV=[],this._$AN=void 0,this._$AD=e,this._$AM=t}get parentNode(){return this._$AM.parentNode}get _$AU(){return this._$AM._$AU}u(e){let{el:{content:t},parts:s}=this._$AD,n=(e?.creationScope??H).importNode(t,!0);L.currentNode=n;let r=L.nextNode(),o=0,a=0,l=s[0];for(;l!==void 0;){if(o===l.index){let d;l.type===2?d=new B(r,r.nextSibling,this,e):l.type===1?d=new l.ctor(r,l.name,l.strings,this,e):l.type===6&&(d=new ke(r,this,e)),this._$AV.push(d),l=s[++a]}o!==l?.index&&(r=L.nextNode(),o++)}return L.currentNode=H,n}p(e){let t=0;for(let s of this._$AV)s!==void 0&&(s.strings!==void 0?(s._$AI(e,s,t),t+=s.strings.length-2):s._$AI(e[t])),t++}},B=class i{get _$AU(){return this._$AM?._$AU??this._$Cv}constructor(e,t,s,n){this.type=2,this._$AH=h,this._$AN=void 0,this._$AA=e,this._$AB=t,this._$AM=s,this.options=n,this._$Cv=n?.isConnected??!0}get parentNode(){let e=this._$AA.parentNode,t=this._$AM;return t!==void 0&&e?.nodeType===11&&(e=t.parentNode),e}get startNode(){return this._$AA}get endNode(){return this._$AB}_$AI(e,t=this){e=O(this,e,t),oe(e)?e===h||e==null||e===""?(this._$AH!==h&&this._$AR(),this._$AH=h):e!==this._$AH&&e!==E&&this._(e):e._$litType$!==void 0?this.$(e):e.nodeType!==void 0?this.T(e):Ot(e)?this.k(e):this._(e)}O(e){return this._$AA.parentNode.insertBefore(e,this._$AB)}T(e){this._$AH!==e&&(this._$AR(),this._$AH=this.O(e))}_(e){this._$AH!==h&&oe(this._$AH)?this._$AA.nextSibling.data=e:this.T(H.createTextNode(e)),this._$AH=e}$(e){let{values:t,_$litType$:s}=e,n=typeof s=="number"?this._$AC(e):(s.el===void 0&&(s.el=ae.createElement(Nt(s.h,s.h[0]),this.options)),s);if(this._$AH?._$AD===n)this._$AH.p(t);else{let r=new be(n,this),o=r.u(this.options);r.p(t),this.T(o),this._$AH=r}}_$AC(e){let t=Ht.get(e.strings);return t===void 0&&Ht.set(e.strings,t=new ae(e)),t}k(e){tt(this._$AH)||(this._$AH=[],this._$AR());let t=this._$AH,s,n=0;for(let r of e)n===t.length?t.push(s=new i(this.O(re()),this.O(re()),this,this.options)):s=t[n],s._$AI(r),n++;n<t.length&&(this._$AR(s&&s._$AB.nextSibling,n),t.length=n)}_$AR(e=this._$AA.nextSibling,t){for(this._$AP?.(!1,!0,t);e!==this._$AB;){let s=Ct(e).nextSibling;Ct(e).remove(),e=s}}setConnected(e){this._$AM===void 0&&(this._$Cv=e,this._$AP?.(e))}},F=class{get tagName(){return this.element.tagName}get _$AU(){return this._$AM._$AU}constructor(e,t,s,n,r){this.type=1,this._$AH=h,this._$AN=void 0,this.element=e,this.name=t,this._$AM=n,this.options=r,s.length>2||s[0]!==""||s[1]!==""?(this._$AH=Array(s.length-1).fill(new String),this.strings=s):this._$AH=h}_$AI(e,t=this,s,n){let r=this.strings,o=!1;if(r===void 0)e=O(this,e,t,0),o=!oe(e)||e!==this._$AH&&e!==E,o&&(this._$AH=e);else{let a=e,l,d;for(e=r[0],l=0;l<r.length-1;l++)d=O(this,a[s+l],t,l),d===E&&(d=this._$AH[l]),o||=!oe(d)||d!==this._$AH[l],d===h?e=h:e!==h&&(e+=(d??"")+r[l+1]),this._$AH[l]=d}o&&!n&&this.j(e)}j(e){e===h?this.element.removeAttribute(this.name):this.element.setAttribute(this.name,e??"")}},we=class extends F{constructor(){super(...arguments),this.type=3}j(e){this.element[this.name]=e===h?void 0:e}},xe=class extends F{constructor(){super(...arguments),this.type=4}j(e){this.element.toggleAttribute(this.name,!!e&&e!==h)}},_e=class extends F{constructor(e,t,s,n,r){super(e,t,s,n,r),this.type=5}_$AI(e,t=this){if((e=O(this,e,t,0)??h)===E)return;let s=this._$AH,n=e===h&&s!==h||e.capture!==s.capture||e.once!==s.once||e.passive!==s.passive,r=e!==h&&(s===h||n);n&&this.element.removeEventListener(this.name,this,s),r&&this.element.addEventListener(this.name,this,e),this._$AH=e}handleEvent(e){typeof this._$AH=="function"?this._$AH.call(this.options?.host??this.element,e):this._$AH.handleEvent(e)}},ke=class{constructor(e,t,s){this.element=e,this.type=6,this._$AN=void 0,this._$AM=t,this.options=s}get _$AU(){return this._$AM._$AU}_$AI(e){O(this,e)}},Bt={M:Xe,P:S,A:et,C:1,L:Ut,R:be,D:Ot,V:O,I:B,H:F,N:xe,U:_e,B:we,F:ke},Vi=Qe.litHtmlPolyfillSupport;Vi?.(ae,B),(Qe.litHtmlVersions??=[]).push("3.3.3");var Dt=(i,e,t)=>{let s=t?.renderBefore??e,n=s._$litPart$;if(n===void 0){let r=t?.renderBefore??null;s._$litPart$=n=new B(e.insertBefore(re(),r),r,void 0,t??{})}return n._$AI(i),n};var st=globalThis,w=class extends A{constructor(){super(...arguments),this.renderOptions={host:this},this._$Do=void 0}createRenderRoot(){let e=super.createRenderRoot();return this.renderOptions.renderBefore??=e.firstChild,e}update(e){let t=this.render();this.hasUpdated||(this.renderOptions.isConnected=this.isConnected),super.update(e),this._$Do=Dt(t,this.renderRoot,this.renderOptions)}connectedCallback(){super.connectedCallback(),this._$Do?.setConnected(!0)}disconnectedCallback(){super.disconnectedCallback(),this._$Do?.setConnected(!1)}render(){return E}};w._$litElement$=!0,w.finalized=!0,st.litElementHydrateSupport?.({LitElement:w});var qi=st.litElementPolyfillSupport;qi?.({LitElement:w});(st.litElementVersions??=[]).push("4.2.2");var Wi={attribute:!0,type:String,converter:se,reflect:!1,hasChanged:ye},ji=(i=Wi,e,t)=>{let{kind:s,metadata:n}=t,r=globalThis.litPropertyMetadata.get(n);if(r===void 0&&globalThis.litPropertyMetadata.set(n,r=new Map),s==="setter"&&((i=Object.create(i)).wrapped=!0),r.set(t.name,i),s==="accessor"){let{name:o}=t;return{set(a){let l=e.get.call(this);e.set.call(this,a),this.requestUpdate(o,l,i,!0,a)},init(a){return a!==void 0&&this.C(o,void 0,i,a),a}}}if(s==="setter"){let{name:o}=t;return function(a){let l=this[o];e.call(this,a),this.requestUpdate(o,l,i,!0,a)}}throw Error("Unsupported decorator location: "+s)};function _(i){return(e,t)=>typeof t=="object"?ji(i,e,t):((s,n,r)=>{let o=n.hasOwnProperty(r);return n.constructor.createProperty(r,s),o?Object.getOwnPropertyDescriptor(n,r):void 0})(i,e,t)}function x(i){return _({...i,state:!0,attribute:!1})}var I=(i,e,t)=>(t.configurable=!0,t.enumerable=!0,Reflect.decorate&&typeof e!="object"&&Object.defineProperty(i,e,t),t);function N(i,e){return(t,s,n)=>{let r=o=>o.renderRoot?.querySelector(i)??null;if(e){let{get:o,set:a}=typeof s=="object"?t:n??(()=>{let l=Symbol();return{get(){return this[l]},set(d){this[l]=d}}})();return I(t,s,{get(){let l=o.call(this);return l===void 0&&(l=r(this),(l!==null||this.hasUpdated)&&a.call(this,l)),l}})}return I(t,s,{get(){return r(this)}})}}var k="azure_realtime_audio";function nt(i,e){i.dispatchEvent(new CustomEvent("hass-more-info",{bubbles:!0,composed:!0,detail:{entityId:e}}))}function zt(i){return Object.values(i.states).filter(({entity_id:e,state:t})=>e.startsWith("media_player.")&&t!=="unavailable").map(({entity_id:e,attributes:t})=>({id:e,name:t.friendly_name??e})).sort((e,t)=>e.name.localeCompare(t.name))}function $e(i,e){return e.startsWith("conversation.")&&i.entities[e]?.platform===k}var ot="azure-realtime-audio-conversation-";function at(i,e){e&&le(()=>localStorage.setItem(ot+i,JSON.stringify({id:e,at:Date.now()})))}function Vt(i){le(()=>localStorage.removeItem(ot+i))}function qt(i){return le(()=>{let e=JSON.parse(localStorage.getItem(ot+i)??"null");return typeof e!="object"||e===null||!("id"in e)||!("at"in e)?void 0:typeof e.at=="number"&&Date.now()-e.at<3e5&&typeof e.id=="string"?e.id:void 0})}var rt="azure-realtime-audio-microphone";function Wt(i){le(()=>i?localStorage.setItem(rt,i):localStorage.removeItem(rt))}function Ae(){return le(()=>localStorage.getItem(rt)??void 0)}function le(i){try{return i()}catch{return}}var Se={card_name:"Azure Realtime Audio: live card",card_description:"Talk with an assistant of Azure Realtime Audio, and interrupt it.",badge_name:"Azure Realtime Audio: talk",badge_description:"Shows what an assistant is doing. A tap lets you talk with it.",status_off:"Ready",status_starting:"Connecting",status_reconnecting:"Connection lost",status_idle:"Ready",status_listening:"Listening",status_thinking:"Thinking",status_speaking:"Speaking",status_away:"Away",status_interrupted:"You interrupted",status_muted:"Muted",status_paused:"Paused",status_hold:"Hold to talk",hint_tap:"Tap the microphone, or hold space.",hint_hold:"Hold the microphone, or hold space.",hint_talking:"Say something.",hint_watch:"The next turn of this assistant appears here.",talk:"Talk",start:"Start talking",end:"End the talk",stop:"Stop the answer",hold:"Hold to talk",mute:"Mute the microphone",unmute:"Unmute the microphone",type:"Type instead",send:"Send",picture:"Send a picture",menu:"Menu",conversation:"Conversation",you:"You",assistant:"Assistant",picture_of_yours:"The picture you sent",expand:"Show the conversation",close:"Close",retry:"Try again",dismiss:"Dismiss",here:"Talk here",wake:"Tap to hear",menu_new:"New conversation",menu_output:"Play answers at",output_here:"This page",menu_microphone:"Microphone",microphone_usual:"The browser's own",menu_check:"Check microphone and connection",menu_settings:"Show the assistant",tool_running:"running",tool_failed:"failed",tool_done:"done",timer_left:"{time} left",timer_over:"over",first_sound:"first sound",first_word:"first word",tokens:"tokens",cost:"cost",cut_at:"cut at",what_you_heard:"what you heard",waterfall:"Where the time went",step_speech:"speech",step_end_of_turn:"end of turn",step_model:"model",step_tool:"tool",step_voice:"voice",turn_at:"A turn at {name}",turn_satellite:"A turn at a satellite",turn_dialog:"A turn in the Assist dialog",turn_action:"A turn of an action",turn_live:"A turn at a live card",turn_unknown:"A turn elsewhere",problem_insecure:"Browsers let only secure pages hear a microphone: open Home Assistant by https. You can type meanwhile.",problem_not_allowed:"This page may not use the microphone: allow it in the browser's or the app's settings.",problem_no_device:"No microphone was found.",problem_in_use:"The microphone cannot be opened; another program may be using it.",problem_unsupported:"This browser cannot be talked to: its audio is too old.",problem_unplugged:"The microphone was unplugged.",problem_taken:"You are talking in another card or tab.",problem_silenced:"The browser keeps the sound back until you tap.",problem_hidden:"The microphone was closed while this page was hidden.",problem_unavailable:"The assistant is not available.",problem_missing:"This card has no assistant: choose one in its settings.",problem_unauthorized:"You may not talk with this assistant.",problem_not_found:"This assistant does not exist, or Home Assistant has an older version of the integration.",problem_too_many_sessions:"Too many people are talking with this assistant.",problem_failed:"The talk has ended: {reason}",problem_service_away:"The service cannot be reached. The conversation is kept.",problem_screen_taken:"Another page is the screen {name} now.",problem_screen_silent:"An announcement for the screen {name} could not be played.",problem_picture_type:"Only JPEG and PNG pictures can be sent.",problem_picture:"This picture cannot be read.",check_title:"Check",check_secure:"Secure page",check_permission:"Microphone permission",check_microphones:"Microphones",check_worklet:"Audio worklet at 24 kHz",check_latency:"Way to the speaker",check_socket:"Home Assistant",check_service:"Service",check_round_trip:"Round trip",check_dialect:"Dialect",check_model:"Model",check_version:"Versions",check_again:"Check again",check_copy:"Copy report",check_copied:"Copied",yes:"yes",no:"no",granted:"granted",denied:"denied",prompt:"not asked yet",reachable:"reachable",unreachable:"not reachable",form_entity:"Assistant",form_name:"Name",form_size:"Size",form_size_full:"Full card",form_size_compact:"Row",form_size_button:"Button",form_watch:"Only watch: show the turns that others have with the assistant",form_screen:"Screen: the name under which automations can speak here (empty: none)",form_hands_free:"Hands-free: the assistant notices when you speak",form_language:"Language",form_microphone:"Microphone",form_echo_cancellation:"Remove the echo of the reply",form_noise_suppression:"Remove noise",form_auto_gain_control:"Adjust the volume"},jt={en:Se};function D(i){let e=jt[i]??jt[i.split("-")[0]]??Se;return(t,s={})=>(e[t]??Se[t]).replace(/\{(\w+)\}/g,(n,r)=>s[r]??n)}function z(i){let e=`problem_${i}`;return e in Se?e:void 0}function Ee(i){let e=D(i);return{schema:[{name:"entity",required:!0,selector:{entity:{filter:{domain:"conversation",integration:"azure_realtime_audio"}}}},{name:"",type:"grid",schema:[{name:"name",selector:{text:{}}},{name:"size",selector:{select:{mode:"dropdown",options:["full","compact","button"].map(t=>({value:t,label:e(`form_size_${t}`)}))}}}]},{name:"hands_free",default:!0,selector:{boolean:{}}},{name:"watch",selector:{boolean:{}}},{name:"screen",selector:{text:{}}},{name:"microphone",type:"expandable",flatten:!0,title:e("form_microphone"),schema:[{name:"echo_cancellation",default:!0,selector:{boolean:{}}},{name:"noise_suppression",default:!0,selector:{boolean:{}}},{name:"auto_gain_control",default:!0,selector:{boolean:{}}},{name:"language",selector:{language:{}}}]}],computeLabel:({name:t})=>t?e(`form_${t}`):""}}function Ce(i){let e=Ae();return{echoCancellation:i.echo_cancellation??!0,noiseSuppression:i.noise_suppression??!0,autoGainControl:i.auto_gain_control??!0,...e&&{deviceId:e}}}function Me(i){let e=Object.keys(i.states).find(t=>$e(i,t));return e?{entity:e}:{}}function Te(i){if(i.entity&&!i.entity.startsWith("conversation."))throw new Error("entity: choose the conversation entity of an assistant");if(i.size&&!["full","compact","button"].includes(i.size))throw new Error("size: full, compact or button")}var U="azure-realtime-audio-card",lt="azure-realtime-audio-badge",Kt="azure-realtime-audio-orb";var V=class extends w{static{this.styles=P`
    :host {
      display: block;
      --ha-card-box-shadow: none;
    }
  `}static getConfigForm(){return Ee(document.documentElement.lang||"en")}static getStubConfig(e){return Me(e)}setConfig(e){Te(e),this.config=e,this.card?.setConfig(this.cardConfig)}get cardConfig(){return{...this.config,type:`custom:${U}`,size:"button"}}render(){return!this.hass||!this.config?h:(this.card||(this.card=document.createElement(U),this.card.setAttribute("small",""),this.card.setConfig(this.cardConfig)),this.card.hass=this.hass,c`${this.card}`)}};g([_({attribute:!1})],V.prototype,"hass",2),g([x()],V.prototype,"config",2);var Gt="azure-realtime-audio-playback",Yt="azure-realtime-audio-capture";async function q(i,e){if(!i.audioWorklet)throw new Error("This browser has no audio worklets");let t=URL.createObjectURL(new Blob([e],{type:"text/javascript"}));try{await i.audioWorklet.addModule(t)}finally{URL.revokeObjectURL(t)}}var Zt=`"use strict";(()=>{function m(r){let e=new Int16Array(r.length);for(let t=0;t<r.length;t++)e[t]=Math.round(Math.max(-1,Math.min(1,r[t]))*32767);return e}function y(r){if(!r.length)return 0;let e=0;for(let t of r)e+=t*t;return Math.sqrt(e/r.length)}var d="azure-realtime-audio-capture";var c=(()=>{let r=new Float32Array(3074);for(let e=0;e<r.length;e++){let t=e/256;if(t>=12)break;let a=.5+.5*Math.cos(Math.PI*t/12);r[e]=(t===0?1:Math.sin(Math.PI*t)/(Math.PI*t))*a}return r})(),h=class{constructor(e,t){this.from=e;this.to=t;this.step=e/t,this.cutoff=Math.min(1,t/e)*.94,this.reach=Math.ceil(12/this.cutoff),this.kept=new Float32Array(this.reach),this.position=this.reach}process(e){if(this.from===this.to)return e;let t=new Float32Array(this.kept.length+e.length);t.set(this.kept),t.set(e,this.kept.length);let a=t.length-this.reach,o=Math.max(0,Math.ceil((a-this.position)/this.step)),i=new Float32Array(o);for(let n=0;n<o;n++)i[n]=this.interpolate(t,this.position+n*this.step);this.position+=o*this.step;let s=Math.max(0,Math.floor(this.position)-this.reach);return this.kept=t.slice(s),this.position-=s,i}interpolate(e,t){let a=Math.max(0,Math.ceil(t-this.reach)),o=Math.min(e.length-1,Math.floor(t+this.reach)),i=0;for(let s=a;s<=o;s++){let n=Math.abs(t-s)*this.cutoff*256,l=Math.floor(n);if(l>c.length-2)continue;let f=c[l];i+=e[s]*(f+(c[l+1]-f)*(n-l))}return i*this.cutoff}};var p=.02*24e3,u=class extends AudioWorkletProcessor{constructor(){super(...arguments);this.resampler=new h(sampleRate,24e3);this.frame=new Float32Array(p);this.filled=0}process(t){let a=t[0]?.[0];return a&&this.collect(this.resampler.process(a)),!0}collect(t){let a=0;for(;a<t.length;){let o=t.subarray(a,a+p-this.filled);this.frame.set(o,this.filled),this.filled+=o.length,a+=o.length,this.filled===p&&this.post()}}post(){let t={samples:m(this.frame),level:y(this.frame)};this.port.postMessage(t,[t.samples.buffer]),this.filled=0}};registerProcessor(d,u);})();
`;var W=class extends Error{constructor(t,s){super(t,{cause:s});this.failure=t}};function ce(i){return i instanceof W?i:new W(window.isSecureContext?"unsupported":"insecure",i)}var Gi={NotAllowedError:"not_allowed",SecurityError:"not_allowed",NotFoundError:"no_device",OverconstrainedError:"no_device",NotReadableError:"in_use",AbortError:"in_use"},j=class i{constructor(e,t,s,n,r,o){this.stream=e;this.track=t;this.node=s;this.ownContext=n;this.onFrame=r;this.onLost=o;this.level=0;this.isMuted=!1;this.lost=()=>this.onLost();s.port.onmessage=({data:a})=>this.hear(a),t.addEventListener("ended",this.lost)}static async open(e,t,s,n){let r=await Yi(t),o=r.getAudioTracks()[0],a;try{let l;try{l=e.createMediaStreamSource(r)}catch{a=new AudioContext({latencyHint:"interactive"}),l=a.createMediaStreamSource(r)}await q(a??e,Zt);let d=new AudioWorkletNode(a??e,Yt,{numberOfOutputs:0,channelCount:1});return l.connect(d),new i(r,o,d,a,s,n)}catch(l){throw o.stop(),a?.close(),ce(l)}}get muted(){return this.isMuted}set muted(e){this.isMuted=e,this.track.enabled=!e,e&&(this.level=0)}close(){this.track.removeEventListener("ended",this.lost),this.node.port.onmessage=null,this.node.disconnect();for(let e of this.stream.getTracks())e.stop();this.ownContext?.close()}hear({samples:e,level:t}){this.level=this.isMuted?0:t,this.onFrame(e)}};async function Jt(){return(await navigator.mediaDevices?.enumerateDevices()??[]).filter(({kind:e,deviceId:t,label:s})=>e==="audioinput"&&s&&t&&t!=="default").map(({deviceId:e,label:t})=>({id:e,name:t}))}async function Yi({deviceId:i,...e}){if(!window.isSecureContext||!navigator.mediaDevices)throw new W("insecure");let t={...e,channelCount:1};try{if(!i)return await navigator.mediaDevices.getUserMedia({audio:t});try{return await navigator.mediaDevices.getUserMedia({audio:{...t,deviceId:{exact:i}}})}catch(s){if(!(s instanceof DOMException)||!["OverconstrainedError","NotFoundError"].includes(s.name))throw s;return await navigator.mediaDevices.getUserMedia({audio:t})}}catch(s){let n=s instanceof DOMException?s.name:"";throw new W(Gi[n]??"unsupported",s)}}function Qt(i){let e=new Float32Array(i.length);for(let t=0;t<i.length;t++)e[t]=i[t]/32768;return e}function ct(i){let e=new Int16Array(i.length);for(let t=0;t<i.length;t++)e[t]=Math.round(Math.max(-1,Math.min(1,i[t]))*32767);return e}function Xt(i){let e=atob(i),t=new Int16Array(e.length>>1);for(let s=0;s<t.length;s++)t[s]=e.charCodeAt(2*s)|e.charCodeAt(2*s+1)<<8;return t}var Pe=`"use strict";(()=>{function m(a){let e=new Float32Array(a.length);for(let t=0;t<a.length;t++)e[t]=a[t]/32768;return e}function g(a){if(!a.length)return 0;let e=0;for(let t of a)e+=t*t;return Math.sqrt(e/a.length)}var d="azure-realtime-audio-playback";var p=class{constructor(e){this.rate=e;this.items=[];this.waiting=0;this.paused=!1;this.filling=!0;this.gain=0;this.progress=[];this.fill=.06*e}get isPlaying(){return this.items.length>0&&!this.filling}push(e,t){if(!t.length)return;let s=this.find(e);s.pieces.push(t),s.waiting+=t.length,this.waiting+=t.length}complete(e){let t=this.items.find(s=>s.id===e);t&&(t.complete=!0,this.endPlayedItems())}pause(){this.items.length&&(this.paused=!0,this.gain===0&&this.report("paused"))}resume(){this.paused=!1}drop(){this.items=[],this.waiting=0,this.paused=!1,this.filling=!0,this.gain=0}read(e){if(e.fill(0),this.filling&&(this.filling=!this.isFull()),this.filling||this.paused&&this.gain===0)return;let t=this.waiting<=e.length&&!this.items.at(-1).complete;this.copy(e),this.fade(e,this.paused||t?0:1),this.paused&&this.report("paused"),this.endPlayedItems(),t&&(this.filling=!0,this.fill=Math.min(this.fill*2,.4*this.rate))}get position(){let e=this.items[0];return e&&{item:e.id,samples:e.played,state:this.paused?"paused":"playing"}}takeProgress(){let e=this.progress;return e.length&&(this.progress=[]),e}find(e){let t=this.items.find(s=>s.id===e);if(!t){for(let s of this.items)s.complete=!0;t={id:e,pieces:[],offset:0,waiting:0,played:0,complete:!1},this.items.push(t)}return t}isFull(){let e=this.items[0];return e!==void 0&&this.waiting>0&&(e.complete||this.waiting>=this.fill)}copy(e){let t=0;for(let s of this.items){for(;t<e.length&&s.waiting;){let i=s.pieces[0],r=i.subarray(s.offset,s.offset+e.length-t);e.set(r,t),t+=r.length,s.offset+=r.length,s.played+=r.length,s.waiting-=r.length,this.waiting-=r.length,s.offset===i.length&&(s.pieces.shift(),s.offset=0)}if(t===e.length||!s.complete)break}}fade(e,t){if(this.gain===1&&t===1)return;let s=(t-this.gain)/e.length;for(let i=0;i<e.length;i++)e[i]*=this.gain+s*(i+1);this.gain=t}endPlayedItems(){let e=this.items[0];for(;e?.complete&&e.waiting===0;)this.items.shift(),this.progress.push({item:e.id,samples:e.played,state:"ended"}),e=this.items[0];e||this.restart()}restart(){this.filling=!0,this.gain=0,this.paused=!1}report(e){let t=this.items[0];t&&this.progress.push({item:t.id,samples:t.played,state:e})}};var c=(()=>{let a=new Float32Array(3074);for(let e=0;e<a.length;e++){let t=e/256;if(t>=12)break;let s=.5+.5*Math.cos(Math.PI*t/12);a[e]=(t===0?1:Math.sin(Math.PI*t)/(Math.PI*t))*s}return a})(),l=class{constructor(e,t){this.from=e;this.to=t;this.step=e/t,this.cutoff=Math.min(1,t/e)*.94,this.reach=Math.ceil(12/this.cutoff),this.kept=new Float32Array(this.reach),this.position=this.reach}process(e){if(this.from===this.to)return e;let t=new Float32Array(this.kept.length+e.length);t.set(this.kept),t.set(e,this.kept.length);let s=t.length-this.reach,i=Math.max(0,Math.ceil((s-this.position)/this.step)),r=new Float32Array(i);for(let n=0;n<i;n++)r[n]=this.interpolate(t,this.position+n*this.step);this.position+=i*this.step;let o=Math.max(0,Math.floor(this.position)-this.reach);return this.kept=t.slice(o),this.position-=o,r}interpolate(e,t){let s=Math.max(0,Math.ceil(t-this.reach)),i=Math.min(e.length-1,Math.floor(t+this.reach)),r=0;for(let o=s;o<=i;o++){let n=Math.abs(t-o)*this.cutoff*256,h=Math.floor(n);if(h>c.length-2)continue;let u=c[h];r+=e[o]*(u+(c[h+1]-u)*(n-h))}return r*this.cutoff}};var v=.04,f=class extends AudioWorkletProcessor{constructor(){super();this.queue=new p(sampleRate);this.resampler=new l(24e3,sampleRate);this.sinceReport=0;this.level=0;this.port.onmessage=({data:t})=>this.follow(t)}process(t,s){let[i,...r]=s[0];if(!i)return!0;this.queue.read(i);for(let o of r)o.set(i);return this.level=Math.max(this.level,g(i)),this.sinceReport+=i.length,this.tell(),!0}follow(t){switch(t.type){case"push":this.queue.push(t.item,this.resampler.process(m(t.samples)));break;case"complete":this.queue.complete(t.item);break;case"drop":this.resampler=new l(24e3,sampleRate),this.queue.drop();break;default:this.queue[t.type]()}}tell(){for(let s of this.queue.takeProgress())this.post(s);if(this.sinceReport<v*sampleRate)return;let t=this.queue.position;t?.state==="playing"&&this.queue.isPlaying&&this.post(t),this.sinceReport=0,this.level=0}post({item:t,samples:s,state:i}){let r={item:t,seconds:s/sampleRate,state:i,level:this.level};this.port.postMessage(r)}};registerProcessor(d,f);})();
`;async function ei(i,e,t){let[s,n,r,o]=await Promise.all([Ji(t),Qi(),Xi(t),es(i,e,t)]);return[{key:"check_secure",value:t(isSecureContext?"yes":"no"),isGood:isSecureContext},s,n,...r,...o]}function ti(i,e){return[...i.map(({key:s,value:n,isGood:r})=>`${r===!1?"✗":"·"} ${e(s)}: ${n}`),navigator.userAgent].join(`
`)}async function Ji(i){let e="check_permission";try{let{state:t}=await navigator.permissions.query({name:"microphone"});return{key:e,value:i(t),isGood:t!=="denied"}}catch{return{key:e,value:"?"}}}async function Qi(){let e=(await navigator.mediaDevices?.enumerateDevices().catch(()=>[])??[]).filter(t=>t.kind==="audioinput").length;return{key:"check_microphones",value:String(e),isGood:e>0}}async function Xi(i){let e;try{e=new AudioContext({sampleRate:24e3}),await q(e,Pe);let t=(e.outputLatency||0)+e.baseLatency;return[{key:"check_worklet",value:i("yes"),isGood:!0},{key:"check_latency",value:`${Math.round(t*1e3)} ms`}]}catch{return[{key:"check_worklet",value:i("no"),isGood:!1}]}finally{e?.close()}}async function es(i,e,t){let s=performance.now();try{let n=await i.connection.sendMessagePromise({type:`${k}/check`,entity_id:e}),r=Math.round(performance.now()-s),o=[{key:"check_socket",value:`${Math.max(0,r-(n.round_trip_ms??0))} ms`,isGood:!0},{key:"check_service",value:n.error??t(n.reachable?"reachable":"unreachable"),isGood:n.reachable},{key:"check_dialect",value:n.dialect},{key:"check_version",value:`${n.version}, Home Assistant ${n.home_assistant}`}];return n.model&&o.push({key:"check_model",value:n.model}),n.round_trip_ms!==null&&o.push({key:"check_round_trip",value:`${n.round_trip_ms} ms`}),o}catch(n){let{message:r}=n??{};return[{key:"check_service",value:r||t("unreachable"),isGood:!1}]}}var K=[];function ii(i,e){let t=window.setTimeout(()=>{K=K.filter(s=>s.talk!==e),e.stop()},1e3);K.push({key:i,talk:e,timer:t})}function si(i,e){let t=K.find(s=>s.key===i);if(t)return window.clearTimeout(t.timer),K=K.filter(s=>s!==t),t.talk.moveTo(e),t.talk}async function ni(i){let e=await createImageBitmap(i),t=Math.min(1,1280/Math.max(e.width,e.height)),s=document.createElement("canvas");s.width=Math.round(e.width*t),s.height=Math.round(e.height*t);let n=s.getContext("2d");return n.fillStyle="white",n.fillRect(0,0,s.width,s.height),n.drawImage(e,0,0,s.width,s.height),e.close(),s.toDataURL("image/jpeg",.82)}var dt=(()=>{let i=new Float32Array(3074);for(let e=0;e<i.length;e++){let t=e/256;if(t>=12)break;let s=.5+.5*Math.cos(Math.PI*t/12);i[e]=(t===0?1:Math.sin(Math.PI*t)/(Math.PI*t))*s}return i})(),de=class{constructor(e,t){this.from=e;this.to=t;this.step=e/t,this.cutoff=Math.min(1,t/e)*.94,this.reach=Math.ceil(12/this.cutoff),this.kept=new Float32Array(this.reach),this.position=this.reach}process(e){if(this.from===this.to)return e;let t=new Float32Array(this.kept.length+e.length);t.set(this.kept),t.set(e,this.kept.length);let s=t.length-this.reach,n=Math.max(0,Math.ceil((s-this.position)/this.step)),r=new Float32Array(n);for(let a=0;a<n;a++)r[a]=this.interpolate(t,this.position+a*this.step);this.position+=n*this.step;let o=Math.max(0,Math.floor(this.position)-this.reach);return this.kept=t.slice(o),this.position-=o,r}interpolate(e,t){let s=Math.max(0,Math.ceil(t-this.reach)),n=Math.min(e.length-1,Math.floor(t+this.reach)),r=0;for(let o=s;o<=n;o++){let a=Math.abs(t-o)*this.cutoff*256,l=Math.floor(a);if(l>dt.length-2)continue;let d=dt[l];r+=e[o]*(d+(dt[l+1]-d)*(a-l))}return r*this.cutoff}};var Le=class{constructor(){this.rate=0;this.isForeign=!1;this.waiting=new Uint8Array;this.channels=0}push(e){return this.isForeign?new Int16Array:(this.waiting=ts(this.waiting,e),this.isKnown||this.readHeader(),this.isKnown&&!this.isForeign?this.takeSamples():new Int16Array)}get isKnown(){return this.left!==void 0}readHeader(){let e=new DataView(this.waiting.buffer,this.waiting.byteOffset,this.waiting.byteLength);if(e.byteLength<12)return;this.isForeign=Re(e,0)!=="RIFF"||Re(e,8)!=="WAVE";let t=12;for(;!this.isForeign&&t+8<=e.byteLength;){let s=e.getUint32(t+4,!0),n=t+8;if(Re(e,t)==="data"){this.isForeign=!this.channels,this.left=s===0||s>=2147483647?1/0:s,this.waiting=this.waiting.slice(n);return}if(n+s>e.byteLength)return;Re(e,t)==="fmt "&&this.readFormat(e,n),t=n+s+s%2}}readFormat(e,t){let s=[1,65534].includes(e.getUint16(t,!0));this.isForeign=!s||e.getUint16(t+14,!0)!==16,this.channels=e.getUint16(t+2,!0),this.rate=e.getUint32(t+4,!0)}takeSamples(){let e=2*this.channels,t=Math.floor(Math.min(this.waiting.length,this.left)/e),s=new Int16Array(t),n=new DataView(this.waiting.buffer,this.waiting.byteOffset,t*e);for(let r=0;r<t;r++){let o=0;for(let a=0;a<this.channels;a++)o+=n.getInt16(r*e+2*a,!0);s[r]=o/this.channels}return this.waiting=this.waiting.slice(t*e),this.left-=t*e,s}};function ts(i,e){let t=new Uint8Array(i.length+e.length);return t.set(i),t.set(e,i.length),t}function Re(i,e){return String.fromCharCode(...new Uint8Array(i.buffer,i.byteOffset+e,4))}async function ht(i,e,t){if(!i.ok||!i.body)throw new Error(`The sound is not there: ${i.status}`);let s=new Le,n=[],r,o=i.body.getReader();for(;;){let{done:a,value:l}=await o.read();if(a)break;(s.isForeign||!s.isKnown)&&n.push(l);let d=s.push(l);d.length&&(r??=new de(s.rate,24e3),t(s.rate===24e3?d:ct(r.process(Qt(d)))))}s.isForeign&&t(await is(n,e))}async function is(i,e){let t=await e.decodeAudioData(await new Blob(i).arrayBuffer()),s=new Float32Array(t.length);for(let n=0;n<t.numberOfChannels;n++)t.getChannelData(n).forEach((r,o)=>s[o]+=r/t.numberOfChannels);return ct(new de(t.sampleRate,24e3).process(s))}var G=class i{constructor(e,t,s){this.context=e;this.node=t;this.onPlayed=s;this.level=0;t.port.onmessage=({data:n})=>this.report(n),t.connect(e.destination)}static async open(e){let t=ss();try{t.resume(),await q(t,Pe);let s=new AudioWorkletNode(t,Gt,{numberOfInputs:0,outputChannelCount:[1]});return new i(t,s,e)}catch(s){throw t.close(),s}}get isSilenced(){return this.context.state!=="running"}async wake(){this.isSilenced&&await this.context.resume()}push(e,t){this.tell({type:"push",item:e,samples:t},[t.buffer])}complete(e){this.tell({type:"complete",item:e})}pause(){this.tell({type:"pause"})}resume(){this.tell({type:"resume"})}drop(){this.level=0,this.tell({type:"drop"})}close(){this.node.disconnect(),this.context.close()}tell(e,t=[]){this.node.port.postMessage(e,t)}report({item:e,seconds:t,state:s,level:n}){this.level=s==="playing"?n:0;let r=s==="playing"?(this.context.outputLatency||0)+this.context.baseLatency:0;this.onPlayed({item:e,ms:Math.max(0,(t-r)*1e3),state:s})}};function ss(){try{return new AudioContext({sampleRate:24e3,latencyHint:"interactive"})}catch{return new AudioContext({latencyHint:"interactive"})}}var ns="azure-realtime-audio-microphone",Y=class{constructor(e){this.onTaken=e}get isHeld(){return this.channel!==void 0}take(){typeof BroadcastChannel>"u"||(this.release(),this.channel=new BroadcastChannel(ns),this.channel.onmessage=()=>{this.release(),this.onTaken()},this.channel.postMessage("taken"))}release(){this.channel?.close(),this.channel=void 0}};var rs=2e3,ri="before",pt="sound",He=class extends Error{constructor(){super(...arguments);this.failure="silenced"}},Oe=class{constructor(e){this.settings=e;this.lease=new Y(()=>this.onLost?.());this.life=0;this.tapped=()=>{document.removeEventListener("pointerdown",this.tapped),this.awake().then(()=>this.rest()).catch(()=>document.addEventListener("pointerdown",this.tapped))}}get levels(){return{person:this.microphone?.level??0,reply:this.opened?.level??0}}open(){document.addEventListener("pointerdown",this.tapped)}async play(e,t,s){this.stop();let n=()=>{},r=new Promise(a=>n=a),o={tell:s,abort:new AbortController,end:n};this.playing=o;try{await Promise.race([this.playAll(o,e,t),r]),await r}finally{this.playing===o&&this.stop()}}stop(){let{playing:e}=this;this.playing=void 0,e&&(e.abort.abort(),this.opened?.drop(),e.end(),this.rest())}async listen(e,t){this.closeMicrophone();let{life:s}=this,n;try{n=await this.awake()}catch(o){throw o instanceof He?o:ce(o)}if(s!==this.life)return;this.lease.take(),this.onLost=t;let r=await j.open(n.context,this.settings(),e,t);if(s!==this.life)return r.close();this.microphone=r}closeMicrophone(){this.life++,this.microphone?.close(),this.microphone=void 0,this.onLost=void 0,this.lease.release(),this.rest()}close(){document.removeEventListener("pointerdown",this.tapped),this.stop(),this.closeMicrophone(),this.player?.then(e=>e.close()).catch(()=>{}),this.player=this.opened=void 0}async playAll(e,t,s){let n=await this.awake(),{signal:r}=e.abort,o=fetch(t,{signal:r}).catch(()=>{});s&&await this.playChime(e,n,s);let a=await o;if(!a)return os(e,t);let l=0;await ht(a,n.context,d=>{l+=d.length,e.tell({type:"sound",ms:d.length/24e3*1e3}),this.push(e,n,pt,d)}),e.tell({type:"audio_done",duration_ms:l/24e3*1e3}),l||e.end(),n.complete(pt)}async playChime(e,t,s){try{let n=await fetch(s,{signal:e.abort.signal});await ht(n,t.context,r=>this.push(e,t,ri,r))}catch{}t.complete(ri)}push(e,t,s,n){this.playing===e&&t.push(s,n)}report({item:e,ms:t,state:s}){let{playing:n}=this;!n||e!==pt||(n.tell({type:"played",ms:t}),s==="ended"&&n.end())}async awake(){this.player??=G.open(s=>this.report(s));let e=this.opened=await this.player,t=new Promise(s=>setTimeout(s,rs));if(await Promise.race([e.wake(),t]),e.isSilenced)throw new He;return e}rest(){!this.playing&&!this.microphone&&this.opened?.context.suspend().catch(()=>{})}};async function os({tell:i,abort:e,end:t},s){let n=new Audio(s);e.signal.addEventListener("abort",()=>n.pause());let r=new Promise((o,a)=>{n.onended=()=>o(),n.onerror=()=>a(new Error("The sound cannot be played"))});await n.play(),await r,i({type:"audio_done",duration_ms:1}),i({type:"played",ms:1}),t()}var as=96e3,ls=400;function ut(i,e,t){if(i.readyState!==WebSocket.OPEN||i.bufferedAmount>as)return;let s=new Uint8Array(1+t.byteLength);s[0]=e,s.set(new Uint8Array(t.buffer,t.byteOffset,t.byteLength),1),i.send(s)}var Fe=class{constructor(e,t,s){this.connection=e;this.request=t;this.listener=s;this.early=[];this.closed=!1;this.isBehind=!1;this.attempt=0;this.socketLost=()=>{this.attempt++,this.started=void 0,this.unsubscribe=void 0,this.early=[],this.listener.onLost()};this.socketReady=()=>{this.closed||this.subscribe()};e.addEventListener("ready",this.socketReady),e.addEventListener("disconnected",this.socketLost),this.subscribe()}get hasStarted(){return this.started!==void 0}get conversationId(){return this.request.conversation_id}sendAudio(e){let t=this.connection.socket;if(!this.started||!t){this.early.push(e),this.early.length>ls&&this.early.shift();return}ut(t,this.started.binary_handler_id,e)}async send(e){let t=this.started?.session;if(t)try{await this.connection.sendMessagePromise({type:`${k}/live/send`,session:t,message:e})}catch(s){this.started?.session===t&&e.type!=="playback"&&this.refused(s)}}get isHandsFree(){return this.request.hands_free}setHandsFree(e){this.request={...this.request,hands_free:e},this.isBehind=!this.started,this.send({type:"hands_free",on:e})}close(){this.closed=!0,this.attempt++,this.started=void 0,this.early=[],this.connection.removeEventListener("ready",this.socketReady),this.connection.removeEventListener("disconnected",this.socketLost),this.unsubscribe?.().catch(()=>{})}async subscribe(){let e=++this.attempt;this.isBehind=!1;try{let t=await this.connection.subscribeMessage(s=>e===this.attempt&&this.receive(s),{type:`${k}/live/start`,...this.request},{resubscribe:!1});e===this.attempt?this.unsubscribe=t:t().catch(()=>{})}catch(t){e===this.attempt&&typeof t!="number"&&this.refused(t)}}receive(e){if(e.type!=="started")return this.listener.onEvent(e);this.started=e,this.request={...this.request,conversation_id:e.conversation_id},this.isBehind&&this.setHandsFree(this.request.hands_free),this.listener.onEvent(e);let t=this.early;this.early=[];for(let s of t)this.sendAudio(s)}refused(e){let{code:t,message:s}=e??{};this.listener.onRefused({code:t??"unknown",message:s??""})}};function M(i){return{name:"",status:"idle",interrupted:!1,voiced:i,lines:[],numbers:{},steps:[]}}function Z(i,e,t=0){switch(e.type){case"started":return cs(i,e);case"status":return{...i,status:e.status,interrupted:i.interrupted&&e.status==="listening"};case"turn_started":return{...i,source:e.source,numbers:{},steps:[]};case"speech_started":return ds(i,e.item_id);case"speech_stopped":return i;case"false_interruption":return he(i,s=>s.id===e.item_id);case"user_text":return hs(i,e);case"said":return us(i,e);case"text":case"text_done":return ms(i,e);case"sound":return Ie(i,e.item_id,s=>({soundMs:s.soundMs+e.ms}));case"audio_done":return Ie(i,e.item_id,()=>({soundMs:e.duration_ms,soundComplete:!0}));case"played":return Ie(i,e.item_id,()=>({playedMs:e.ms}));case"interrupted":return fs(i,e);case"tool_call":return J(i,{kind:"tool",id:e.call_id,name:e.name,...e.title&&{title:e.title},arguments:e.arguments,error:!1,entities:[],calledAt:t});case"tool_result":return pe(i,e.call_id,s=>s.kind==="tool"?{...s,result:e.result,error:e.error,entities:e.entities,ms:e.ms}:s);case"response_done":return{...i,numbers:vs(i.numbers,e)};case"turn_done":return he({...i,steps:e.steps},s=>s.kind==="person"&&!s.text&&!s.picture);case"error":return{...i,problem:{message:e.message,canRetry:e.can_retry}};case"problem":return{...i,problem:{message:e.message,canRetry:e.canRetry}};case"problem_solved":return gt(i);case"halted":return gs(i);case"ended":return{...i,status:e.reason==="failed"?"away":"idle"};case"cleared":return{...M(i.voiced),name:i.name};default:return i}}function Ne(i){return!i.voiced||i.cutMs!==void 0?[i.text,""]:[i.text.slice(0,i.heard),i.text.slice(i.heard)]}function cs(i,e){let t={...gt(i),name:e.name,status:e.status};if(!("history"in e)||i.lines.length)return t;let s=e.history.map(({role:n,text:r},o)=>n==="user"?{kind:"person",id:`history-${o}`,text:r,final:!0}:{...ft(`history-${o}`,!1),text:r,textComplete:!0});return{...t,lines:s}}function ds(i,e){return i.lines.some(t=>t.id===e)?i:J(mt(i),{kind:"person",id:e,text:"",final:!1})}function mt(i){return{...gt(i),numbers:{},steps:[]}}function hs(i,e){let{item_id:t,text:s,final:n}=e,r=i.lines.find(a=>a.id===t);if(r)return n&&!s?he(i,a=>a===r):pe(i,t,a=>a.kind==="person"?{...a,text:s,final:n}:a);let o=i.lines.find(a=>a.kind==="person"&&a.pending&&[s,""].includes(a.text));return o?pe(i,o.id,a=>ps(a,t,s,n)):s?J(mt(i),{kind:"person",id:t,text:s,final:n}):i}function ps({pending:i,...e},t,s,n){return{...e,id:t,text:s,final:n}}function us(i,{text:e,picture:t}){let n={kind:"person",id:`said-${i.lines.length}-${e.length}`,text:e,final:!0,pending:!0};return J(mt(i),t?{...n,picture:t}:n)}function ms(i,e){let s=i.lines.some(n=>n.id===e.item_id)?i:J(i,ft(e.item_id,i.voiced));return Ie(s,e.item_id,n=>e.type==="text"?{text:n.text+e.delta}:{text:e.text,textComplete:!0})}function ft(i,e){return{kind:"reply",id:i,text:"",textComplete:!1,voiced:e,soundMs:0,soundComplete:!1,playedMs:0,heard:0}}function fs(i,e){let t={...i,interrupted:!0};return e.item_id===null?t:e.text?pe(t,e.item_id,s=>s.kind==="reply"?{...s,text:e.text,textComplete:!0,cutMs:e.audio_end_ms}:s):he(t,s=>s.id===e.item_id)}function gs(i){let e=i.lines.map(t=>t.kind==="reply"&&t.voiced&&t.cutMs===void 0&&t.heard<t.text.length?{...t,text:t.text.slice(0,t.heard),textComplete:!0,cutMs:t.playedMs}:t);return he({...i,status:"idle",lines:e},t=>t.kind==="reply"&&!t.text)}function Ie(i,e,t){let n=i.lines.some(r=>r.id===e)?i:J(i,ft(e,i.voiced));return pe(n,e,r=>{if(r.kind!=="reply"||r.cutMs!==void 0)return r;let o={...r,...t(r)};return{...o,heard:Math.max(r.heard,ys(o))}})}function ys(i){let{text:e,playedMs:t,soundMs:s}=i;if(!t||!s)return 0;let n=i.soundComplete&&i.textComplete;if(n&&t>=s-40)return e.length;let r=n?e.length/s:Math.min(e.length/s,.019),o=e.indexOf(" ",Math.floor(t*r));return o<0?e.length:o}function vs(i,e){let t={...i};return t.firstSoundMs===void 0&&e.latency_ms!==null&&(t.firstSoundMs=e.latency_ms),e.usage&&(t.tokens=(t.tokens??0)+e.usage.total_tokens,t.cachedTokens=(t.cachedTokens??0)+(e.usage.cached_tokens??0)),e.cost&&(t.cost={...e.cost,amount:(t.cost?.amount??0)+e.cost.amount}),t}function gt({problem:i,...e}){return e}function J(i,e){return{...i,lines:[...i.lines,e].slice(-80)}}function he(i,e){return{...i,lines:i.lines.filter(t=>!e(t))}}function pe(i,e,t){return{...i,lines:i.lines.map(s=>s.id===e?t(s):s)}}var yt=2e3,bs=6e4,ws=["unavailable","not_found","unknown_command","screen_not_ready","timeout"],Ue=class{constructor(e,t,s,n){this.host=e;this.entity=t;this.name=s;this.sound=n;this.conversation=M(!0);this.isShown=!1;this.attempt=0;this.isOpen=!1;this.retryMs=yt;this.line="";this.socketLost=()=>{this.unsubscribe=void 0,this.leave()};this.socketReady=()=>{this.retryMs=yt,this.subscribe()}}get isBusy(){return this.playing!==void 0||this.listening!==void 0}get levels(){return this.sound.levels}start(){if(this.isOpen)return;this.isOpen=!0,this.sound.open();let{connection:e}=this.host.hass;e.addEventListener("ready",this.socketReady),e.addEventListener("disconnected",this.socketLost),this.subscribe()}stop(){if(!this.isOpen)return;this.isOpen=!1;let{connection:e}=this.host.hass;e.removeEventListener("ready",this.socketReady),e.removeEventListener("disconnected",this.socketLost),this.leave(),this.sound.close()}halt(){this.sound.stop(),this.listening&&this.endListening(),this.send({type:"stop"})}hide(){!this.isShown||this.isBusy||(this.isShown=!1,this.conversation=M(!0))}retry(){this.apply({type:"problem_solved"}),this.connected||this.subscribe()}solve(){this.apply({type:"problem_solved"})}async subscribe(){let e=++this.attempt;clearTimeout(this.retryTimer);try{let t=await this.host.hass.connection.subscribeMessage(s=>e===this.attempt&&this.receive(s),{type:`${k}/screen/connect`,entity_id:this.entity,name:this.name},{resubscribe:!1});e===this.attempt?this.unsubscribe=t:t().catch(()=>{})}catch(t){e===this.attempt&&typeof t!="number"&&this.refused(t??{})}}refused({code:e="unknown",message:t}){if(ws.includes(e))return this.subscribeLater();let{say:s}=this.host,n=z(e);this.problem(n?s(n):t||s("problem_failed",{reason:e}))}subscribeLater(){this.retryTimer=setTimeout(()=>{this.subscribe()},this.retryMs),this.retryMs=Math.min(2*this.retryMs,bs)}receive(e){switch(e.type){case"connected":this.connected=e,this.retryMs=yt;break;case"announce":this.show(),e.text&&this.apply({type:"text_done",item_id:e.id,text:e.text}),this.play(e.id,e.id,e.url,e.preannounce_url);break;case"listen":this.listen(e.id);break;case"listen_end":e.id===this.listening&&this.endListening();break;case"pipeline":this.follow(e.event);break;case"taken_over":this.leave(),this.problem(this.host.say("problem_screen_taken",{name:this.name}));break;case"ended":this.leave(),this.subscribeLater();break}}follow(e){let t=`reply-${this.line}`;switch(e.type){case"user_text":this.apply({type:"user_text",item_id:this.line,text:e.text,final:!0}),this.setStatus("thinking");break;case"text":this.apply({type:"text",item_id:t,response_id:this.line,delta:e.delta});break;case"text_done":this.apply({type:"text_done",item_id:t,text:e.text});break;case"reply":this.play(e.id,t,e.url);break;case"error":this.apply({type:"problem",message:e.message,canRetry:!1});break;case"end":this.isBusy||this.setStatus("idle");break}}async play(e,t,s,n){this.playing=e,this.host.setTalkAside(!0),this.setStatus("speaking");let r=o=>this.apply({...o,item_id:t});try{await this.sound.play(s,n,r),this.send({type:"done",id:e})}catch(o){this.tellProblem(o,"screen_silent"),this.send({type:"failed",id:e,failure:"sound"})}this.playing===e&&(this.playing=void 0,this.host.setTalkAside(!1),this.listening||this.setStatus("idle"))}async listen(e){this.host.endTalk(),this.show(),this.listening=this.line=e,this.setStatus("listening");try{await this.sound.listen(t=>this.hear(t),()=>this.deaf(e,{failure:"unplugged"}))}catch(t){this.deaf(e,t)}this.listening!==e&&this.sound.closeMicrophone()}hear(e){let{socket:t}=this.host.hass.connection;this.listening&&this.connected&&t&&ut(t,this.connected.binary_handler_id,e)}deaf(e,t){this.listening===e&&(this.endListening(),this.setStatus("idle"),this.tellProblem(t,"unsupported"),this.send({type:"failed",id:e,failure:"microphone"}))}endListening(){this.listening=void 0,this.sound.closeMicrophone(),this.setStatus("idle")}leave(){this.attempt++,this.connected=void 0,this.unsubscribe?.().catch(()=>{}),this.unsubscribe=void 0,clearTimeout(this.retryTimer),this.sound.stop(),this.listening&&this.endListening()}async send(e){let t=this.connected?.screen;if(!t)return;let s={type:`${k}/screen/send`,screen:t,message:e};await this.host.hass.connection.sendMessagePromise(s).catch(()=>{})}show(){this.isShown=!0,this.apply({type:"problem_solved"})}problem(e){this.isShown=!0,this.apply({type:"problem",message:e,canRetry:!0})}tellProblem(e,t){let{failure:s=t}=e,n=this.host.say(`problem_${s}`,{name:this.name});this.apply({type:"problem",message:n,canRetry:!1})}setStatus(e){this.apply({type:"status",status:e})}apply(e){this.conversation=Z(this.conversation,e,Date.now()),this.host.changed()}};var oi=P`
  :host {
    display: block;
    height: 100%;
    --hear: var(--primary-color, #03a9f4);
    --voice: var(--azure-realtime-audio-voice-color, #7c5cff);
    --text: var(--primary-text-color, #141414);
    --quiet: color-mix(in srgb, var(--text) 66%, transparent);
    --soft: color-mix(in srgb, var(--text) 6%, transparent);
    --line: var(--divider-color, rgba(0, 0, 0, 0.12));
    --error: var(--error-color, #db4437);
    --tone: var(--hear);
    color: var(--text);
    font-size: 14px;
    line-height: 1.45;
  }
  ha-card {
    display: flex;
    flex-direction: column;
    height: 100%;
    box-sizing: border-box;
    overflow: clip; /* "hidden" could still be scrolled sideways, by a focus for example */
    position: relative;
    outline: none;
  }
  :host(:not([layout])) .full {
    min-height: 460px;
    max-height: 680px;
  }
  .thinking,
  .speaking {
    --tone: var(--voice);
  }
  button,
  input {
    font: inherit;
    color: inherit;
    border: 0;
    margin: 0;
    background: none;
  }
  button {
    cursor: pointer;
    padding: 0;
    -webkit-tap-highlight-color: transparent;
  }
  button:disabled {
    cursor: default;
    opacity: 0.5;
  }
  :is(button, input, [tabindex]):focus-visible,
  ha-card:focus-visible::after {
    outline: 2px solid var(--hear);
    outline-offset: 2px;
  }
  ha-card:focus-visible::after {
    content: "";
    position: absolute;
    inset: 3px;
    border-radius: inherit;
    pointer-events: none;
  }
  .sr {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }

  .head {
    display: flex;
    align-items: center;
    gap: 8px;
    padding-block: 10px 0;
    padding-inline: 16px 6px;
    min-height: 40px;
    position: relative;
    z-index: 1;
  }
  .name {
    margin: 0;
    font-weight: 500;
    font-size: 16px;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .state {
    margin-inline-start: auto;
    color: var(--quiet);
    font-size: 13px;
    display: flex;
    gap: 7px;
    align-items: center;
    white-space: nowrap;
  }
  .dot {
    flex: none;
    width: 8px;
    height: 8px;
    border-radius: 50%;
    background: var(--quiet);
    transition: background 0.4s;
  }
  .listening .dot,
  .thinking .dot,
  .speaking .dot {
    background: var(--tone);
    box-shadow: 0 0 0 3px color-mix(in srgb, var(--tone) 22%, transparent);
  }
  .away .dot {
    background: var(--error);
  }

  .stage {
    flex: none;
    display: grid;
    place-items: center;
    position: relative;
    --orb: 172px;
    height: calc(var(--orb) + 20px);
    transition: height 0.5s cubic-bezier(0.3, 0, 0.1, 1);
  }
  .stage::before {
    content: "";
    position: absolute;
    inset: -60px 0 -70px;
    background: radial-gradient(50% 50% at 50% 50%, color-mix(in srgb, var(--tone) 16%, transparent), transparent);
    opacity: 0;
    transition: opacity 0.8s;
    pointer-events: none;
  }
  :is(.listening, .thinking, .speaking) .stage::before {
    opacity: 1;
  }
  .stage azure-realtime-audio-orb {
    width: var(--orb);
    transition: width 0.5s cubic-bezier(0.3, 0, 0.1, 1);
  }
  .talking .stage {
    --orb: 128px;
  }
  .watching.talking .stage {
    --orb: 92px;
  }

  .talk {
    flex: 1 1 auto;
    min-height: 0;
    position: relative;
    overflow-y: auto;
    overscroll-behavior: contain;
    scrollbar-width: thin;
    display: flex;
    flex-direction: column;
    gap: 8px;
    padding: 4px 16px 12px;
    outline-offset: -2px !important;
  }
  .talk::before {
    content: "";
    margin-top: auto;
  }
  .talking .talk {
    mask-image: linear-gradient(transparent, black 14px);
  }
  .hint {
    margin: 0 0 4px;
    text-align: center;
    color: var(--quiet);
  }
  .bubble {
    max-width: 84%;
    box-sizing: border-box;
    padding: 8px 13px;
    border-radius: 18px;
    overflow-wrap: anywhere;
    flex: none;
    position: relative;
    animation: arrive 0.28s ease-out;
  }
  @keyframes arrive {
    from {
      opacity: 0;
      transform: translateY(6px);
    }
  }
  .person {
    align-self: flex-end;
    background: color-mix(in srgb, var(--hear) 20%, var(--card-background-color, white));
    border-end-end-radius: 5px;
  }
  .reply {
    align-self: flex-start;
    background: var(--soft);
    border-end-start-radius: 5px;
  }
  .words {
    white-space: pre-line;
  }
  .bubble img {
    display: block;
    max-width: 100%;
    height: 140px; /* known before it has loaded, or the end of the talk would move away */
    object-fit: cover;
    border-radius: 10px;
    margin: 0 0 4px;
  }
  .unheard {
    color: color-mix(in srgb, var(--text) 62%, transparent);
  }
  .cut {
    display: inline-block;
    width: 2px;
    height: 1.05em;
    margin-inline-start: 3px;
    vertical-align: -0.16em;
    border-radius: 1px;
    background: var(--voice);
  }
  .dots {
    display: inline-block;
    width: 7px;
    height: 7px;
    border-radius: 50%;
    background: currentColor;
    opacity: 0.5;
    margin-inline-start: 6px;
    animation: pulse 1.1s ease-in-out infinite;
  }
  @keyframes pulse {
    50% {
      opacity: 0.15;
    }
  }

  .did {
    align-self: flex-start;
    max-width: 100%;
    box-sizing: border-box;
    display: flex;
    gap: 9px;
    align-items: center;
    text-align: start;
    font-size: 13px;
    padding-block: 2px;
    padding-inline: 3px 10px;
    border-radius: 16px;
    color: var(--quiet);
    flex: none;
    animation: arrive 0.28s ease-out;
  }
  button.did:hover {
    background: var(--soft);
  }
  .did b {
    color: var(--text);
    font-weight: 500;
  }
  .did .icon {
    flex: none;
    width: 26px;
    height: 26px;
    border-radius: 50%;
    display: grid;
    place-items: center;
    background: var(--soft);
    color: var(--quiet);
    --mdc-icon-size: 16px;
  }
  .did .icon.active {
    background: color-mix(in srgb, var(--hear) 22%, transparent);
    color: color-mix(in srgb, var(--hear) 70%, var(--text));
  }
  .did .icon.active.light {
    background: color-mix(in srgb, var(--state-light-on-color, #ffc107) 38%, transparent);
    color: color-mix(in srgb, var(--state-light-on-color, #ffc107) 45%, var(--text));
  }
  .did.running .icon {
    animation: pulse 1.2s ease-in-out infinite;
  }
  .did.failed .icon {
    background: color-mix(in srgb, var(--error) 16%, transparent);
    color: var(--error);
  }
  .time {
    color: var(--quiet);
    font-variant-numeric: tabular-nums;
    white-space: nowrap;
    unicode-bidi: plaintext;
  }

  .problem {
    flex: none;
    margin: 0 12px 12px;
    padding-block: 10px;
    padding-inline: 14px 6px;
    border-radius: 12px;
    background: color-mix(in srgb, var(--error) 11%, transparent);
    display: flex;
    gap: 4px;
    align-items: center;
    animation: arrive 0.28s ease-out;
  }
  .problem span {
    flex: 1;
  }
  .text {
    flex: none;
    min-height: 36px;
    padding: 4px 10px;
    border-radius: 18px;
    font-weight: 500;
    color: color-mix(in srgb, var(--hear) 55%, var(--text));
  }
  .text:hover {
    background: var(--soft);
  }

  .foot {
    flex: none;
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 2px 14px;
    padding: 6px 16px;
    width: 100%;
    box-sizing: border-box;
    text-align: start;
    font-size: 12px;
    color: var(--quiet);
    outline-offset: -2px !important;
  }
  .foot b {
    unicode-bidi: isolate;
    direction: ltr;
    font-weight: 500;
    color: var(--text);
    font-variant-numeric: tabular-nums;
  }
  .unfold {
    margin-inline-start: auto;
    --mdc-icon-size: 16px;
  }
  .fall {
    flex: none;
    padding: 2px 16px 10px;
    display: flex;
    flex-direction: column;
    gap: 4px;
    font-size: 12px;
    color: var(--quiet);
  }
  .fall > div {
    display: grid;
    grid-template-columns: 78px 1fr 46px;
    align-items: center;
    gap: 8px;
  }
  .fall .time {
    text-align: end;
  }
  .track {
    position: relative;
    height: 12px;
    border-radius: 4px;
    background: var(--soft);
  }
  .step {
    position: absolute;
    height: 100%;
    min-width: 2px;
    border-radius: 4px;
    background: var(--quiet);
  }
  .step.speech {
    background: var(--hear);
  }
  .step.model {
    background: var(--voice);
  }
  .step.tool {
    background: #ff8a65;
  }
  .step.voice {
    background: color-mix(in srgb, var(--voice) 65%, white);
  }

  .bar {
    flex: none;
    display: flex;
    align-items: center;
    gap: 6px;
    border-top: 1px solid var(--line);
    padding: 9px 12px;
  }
  .field {
    flex: 1;
    min-width: 0;
    display: flex;
    align-items: center;
    height: 42px;
    border-radius: 21px;
    background: var(--soft);
    padding-inline-start: 2px;
  }
  .field input[type="text"] {
    flex: 1;
    min-width: 0;
    height: 100%;
    padding: 0 14px;
    border-radius: 21px;
    font-size: 14px;
    outline-offset: -2px;
    text-overflow: ellipsis;
  }
  .field input::placeholder {
    color: var(--quiet);
    opacity: 1;
  }
  .ib {
    flex: none;
    width: 42px;
    height: 42px;
    border-radius: 50%;
    display: grid;
    place-items: center;
    color: var(--quiet);
    --mdc-icon-size: 22px;
    transition:
      background 0.25s,
      color 0.25s;
  }
  .ib:hover {
    background: var(--soft);
  }
  .ib.on {
    background: color-mix(in srgb, var(--error) 16%, transparent);
    color: var(--error);
  }
  .mic {
    width: 50px;
    height: 50px;
    --mdc-icon-size: 25px;
    color: color-mix(in srgb, var(--hear) 60%, var(--text));
    background: color-mix(in srgb, var(--hear) 16%, transparent);
    touch-action: none;
    user-select: none;
    -webkit-user-select: none;
    -webkit-touch-callout: none;
  }
  .mic:hover {
    background: color-mix(in srgb, var(--hear) 26%, transparent);
  }
  .mic.live {
    background: color-mix(in srgb, var(--tone) 86%, black);
    color: white;
    box-shadow: 0 2px 10px color-mix(in srgb, var(--tone) 45%, transparent);
  }
  .mic.held {
    transform: scale(1.1);
  }

  .menu {
    position: absolute;
    z-index: 3;
    inset-block-start: 48px;
    inset-inline-end: 8px;
    display: flex;
    flex-direction: column;
    min-width: 200px;
    padding: 6px 0;
    border-radius: 12px;
    background: var(--card-background-color, white);
    border: 1px solid var(--line);
    box-shadow: 0 6px 24px rgba(0, 0, 0, 0.25);
    animation: arrive 0.15s ease-out;
  }
  .menu button {
    display: flex;
    align-items: center;
    gap: 12px;
    padding: 10px 16px;
    text-align: start;
    outline-offset: -2px !important;
    --mdc-icon-size: 20px;
  }
  .menu button:hover {
    background: var(--soft);
  }
  .menu ha-icon {
    color: var(--quiet);
  }
  .options {
    display: flex;
    flex-direction: column;
    max-height: 176px;
    overflow-y: auto;
    padding-inline-start: 12px;
  }

  .check {
    flex: 1;
    min-height: 0;
    display: flex;
    flex-direction: column;
    border-top: 1px solid var(--line);
  }
  .check-list {
    flex: 1;
    overflow-y: auto;
    padding: 8px 16px;
    outline-offset: -2px !important;
  }
  .check-list > div {
    display: flex;
    gap: 8px;
    padding: 5px 0;
    align-items: start;
    --mdc-icon-size: 18px;
    color: var(--quiet);
  }
  .check-list ha-icon {
    flex: none;
    color: var(--success-color, #2f9e5b);
  }
  .check-list .bad ha-icon {
    color: var(--error);
  }
  .check-list b {
    margin-inline-start: auto;
    font-weight: 500;
    color: var(--text);
    text-align: end;
    overflow-wrap: anywhere;
  }
  .actions {
    display: flex;
    flex-wrap: wrap;
    gap: 4px;
    padding: 6px 8px;
    border-top: 1px solid var(--line);
  }

  .row {
    flex-direction: row;
    align-items: center;
    gap: 12px;
    padding-block: 6px;
    padding-inline: 10px 12px;
    min-height: 68px;
  }
  .row azure-realtime-audio-orb {
    flex: none;
    width: 52px;
  }
  .summary {
    flex: 1;
    min-width: 0;
    text-align: start;
    border-radius: 8px;
  }
  .summary :is(.name, .last) {
    display: block;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .summary .name {
    font-size: 14px;
  }
  .last {
    color: var(--quiet);
    font-size: 13px;
  }
  .last.bad {
    color: color-mix(in srgb, var(--error) 75%, var(--text));
  }
  .pill {
    display: inline-flex;
    flex-direction: row;
    align-items: center;
    width: auto;
    height: auto;
    max-width: 100%;
    border-radius: 30px;
  }
  .pill button {
    display: flex;
    align-items: center;
    gap: 10px;
    padding-block: 5px;
    padding-inline: 8px 20px;
    border-radius: inherit;
    min-width: 0;
    font-weight: 500;
  }
  .pill azure-realtime-audio-orb {
    width: 46px;
    flex: none;
  }
  .pill span {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }

  :host([small]) .pill button {
    padding-block: 2px;
    padding-inline: 5px 14px;
    gap: 7px;
    font-size: 13px;
  }
  :host([small]) .pill azure-realtime-audio-orb {
    width: 32px;
  }

  dialog {
    border: 0;
    padding: 0;
    width: min(440px, 100vw);
    height: min(680px, 100dvh);
    max-width: none;
    max-height: none;
    background: none;
    color: inherit;
    overflow: visible;
  }
  dialog::backdrop {
    background: rgba(0, 0, 0, 0.45);
  }
  dialog .full {
    max-height: none !important;
  }

  @media (prefers-reduced-motion: reduce) {
    *,
    *::before {
      animation: none !important;
      transition: none !important;
    }
  }
`;var xs=1e3,Be=class{constructor(e){this.onHeard=e;this.item="";this.ms=0;this.toldMs=0}push(e,t){e!==this.item&&(this.item=e,this.ms=this.toldMs=0),this.ms+=t.length*3/4/2/24e3*1e3,!(this.ms<this.toldMs+xs)&&(this.toldMs=this.ms,this.onHeard(e,this.ms,"playing"))}complete(e,t){this.onHeard(e,t,"ended")}};var _s=250,ks=300,De=class i{constructor(e,t){this.player=e;this.onHeard=t;this.lastReport=0;this.last={item:"",ms:0,state:"ended"};this.response="";this.paused=!1;this.playing=!1;this.warmUpEnd=0}static async open(e,t=G.open){let s=new i(await t(n=>s.report(n)),e);return s}get isWarmingUp(){return performance.now()<this.warmUpEnd}get level(){return this.player.level}push(e,t,s,n){this.paused&&t!==this.response&&this.drop(),this.response=t;let r=Xt(s),o=r.length/24e3*1e3;return!this.playing&&!n&&this.warmUpEnd!==1/0&&(this.warmUpEnd=1/0),this.player.push(e,r),o}complete(e){this.player.complete(e)}pause(){this.paused=!0,this.player.pause()}resume(){this.paused=!1,this.player.resume()}drop(){this.paused=!1,this.playing=!1,this.warmUpEnd=0,this.player.drop()}close(){this.player.close()}report(e){let t=performance.now();!this.playing&&e.state==="playing"&&(this.warmUpEnd=Math.min(this.warmUpEnd,t+ks)),this.playing=e.state!=="ended";let s=e.item===this.last.item,n=s?Math.max(e.ms,this.last.ms):e.ms,r=e.state!=="playing"||!s||t-this.lastReport>=_s;r&&(this.lastReport=t),this.last={...e,ms:n},this.onHeard(this.last,r)}};var $s=200,ai=6e4,Q=class{constructor(e){this.host=e;this.conversation=M(!0);this.phase="off";this.takesImages=!1;this.isHolding=!1;this.handsFree=!0;this.isHandsFreeLater=!1;this.isEndDue=!1;this.lease=new Y(()=>this.leaseTaken());this.someoneSpeaks=!1;this.isAside=!1;this.life=0;this.ready=Promise.resolve();this.isReady=()=>{};this.visibilityChanged=()=>{if(window.clearTimeout(this.hiddenTimer),!document.hidden){this.wake();return}let e=()=>{if(!this.microphone)return;if(this.someoneSpeaks||this.conversation.status==="speaking"||this.conversation.status==="thinking"){this.hiddenTimer=window.setTimeout(e,ai);return}let t=this.handsFree;this.stop(),this.problem(this.host.say("problem_hidden"),()=>{this.start(t)})};this.hiddenTimer=window.setTimeout(e,ai)}}moveTo(e){this.host=e}get hasMicrophone(){return this.microphone!==void 0}get isHandsFree(){return this.handsFree}get isMuted(){return this.microphone?.muted??!1}get isSilenced(){return this.phase==="on"&&(this.sound?.player.isSilenced??!1)}get levels(){return{person:this.handsFree||this.isHolding?this.microphone?.level??0:0,reply:this.sound?.level??0}}async start(e){this.solve(),this.handsFree=e,this.connect(e),await this.openAudio(!0)}stop(){this.life++,this.connection?.close(),this.connection=void 0,this.closeMicrophone(),this.sound?.close(),this.sound=this.noSound=void 0,this.opening=void 0,this.isHolding=this.isEndDue=this.someoneSpeaks=this.isHandsFreeLater=!1,window.clearTimeout(this.tailTimer),this.tailTimer=void 0,this.phase="off",document.removeEventListener("visibilitychange",this.visibilityChanged),window.clearTimeout(this.hiddenTimer),this.apply({type:"halted"})}async hold(){if(!this.isHolding){if(this.isHolding=!0,this.endTail(),this.sound?.pause(),this.phase==="off"||!this.microphone)return await this.start(!1);this.handsFree&&(this.setHandsFree(!1),this.isHandsFreeLater=!0),this.host.changed(),this.connection?.send({type:"turn",action:"begin"})}}release(){this.isHolding&&(this.isHolding=!1,this.tailTimer=window.setTimeout(()=>this.endTail(),$s),this.host.changed())}endTail(){this.tailTimer!==void 0&&(window.clearTimeout(this.tailTimer),this.tailTimer=void 0,this.connection?.hasStarted?this.connection.send({type:"turn",action:"end"}):this.isEndDue=!0)}tellEarlyTurn(){!this.isHolding&&this.tailTimer===void 0&&!this.isEndDue||(this.connection?.send({type:"turn",action:"begin"}),this.isEndDue&&(this.isEndDue=!1,queueMicrotask(()=>{this.connection?.send({type:"turn",action:"end"})})))}resumeHandsFree(){!this.isHandsFreeLater||this.isHolding||this.setHandsFree(!0)}setHandsFree(e){this.handsFree=e,this.isHandsFreeLater=!1,this.connection?.setHandsFree(e),this.host.changed()}playAt(e){this.player=e,this.conversation={...this.conversation,voiced:e===void 0},this.connection?.send({type:"output",media_player:e??null}),this.host.changed()}setMuted(e){this.microphone&&(this.microphone.muted=e),this.host.changed()}setAside(e){this.isAside!==e&&(this.isAside=e,e?this.sound?.pause():this.someoneSpeaks||this.sound?.resume())}interrupt(){this.sound?.pause(),this.connection?.send({type:"interrupt"})}async sendText(e){this.solve(),this.sound?.pause(),this.apply({type:"said",text:e}),await this.ensureSession(),await this.connection?.send({type:"text",text:e})}async sendPicture(e,t){this.solve(),this.sound?.pause(),this.apply({type:"said",text:t,picture:e}),await this.ensureSession(),await this.connection?.send({type:"image",data_url:e,...t&&{text:t}})}startAnew(){this.stop(),Vt(this.entity),this.apply({type:"cleared"})}retry(){let e=this.onRetry;this.solve(),e?.()}solve(){this.onRetry=void 0,this.apply({type:"problem_solved"})}problem(e,t){this.onRetry=t,this.apply({type:"problem",message:e,canRetry:t!==void 0})}async wake(){await this.sound?.player.wake(),this.host.changed()}get entity(){return this.host.config.entity??""}async ensureSession(){this.connect(!1),await this.openAudio(!1),await this.ready}connect(e){if(this.connection)return;this.phase="starting",this.ready=new Promise(n=>this.isReady=n),document.addEventListener("visibilitychange",this.visibilityChanged);let t=qt(this.entity),s=this.host.config.language;this.connection=new Fe(this.host.hass.connection,{entity_id:this.entity,hands_free:e,...t&&{conversation_id:t},...s&&{language:s},...this.host.config.screen&&{screen:this.host.config.screen}},{onEvent:n=>this.receive(n),onLost:()=>this.lost(),onRefused:n=>this.refused(n)}),this.host.changed()}async openAudio(e){let t=this.life;try{this.opening??=this.openSound(),await this.opening,t===this.life&&e&&!this.microphone&&await this.openMicrophone(t)}catch(s){if(t!==this.life)return;if(!e)return this.goOnWithoutSound();let{failure:n}=ce(s),r=this.handsFree;this.stop(),this.problem(this.host.say(`problem_${n}`),()=>{this.start(r)})}}goOnWithoutSound(){this.opening=void 0,this.noSound=new Be((e,t,s)=>{this.connection?.send({type:"playback",item_id:e,played_ms:Math.round(t),state:s})}),this.conversation={...this.conversation,voiced:!1}}async openSound(){let e=this.life,t=await De.open((s,n)=>this.heard(s,n));if(e!==this.life)return t.close();this.sound=t,this.noSound=void 0,this.conversation={...this.conversation,voiced:this.player===void 0},t.player.context.addEventListener("statechange",()=>this.host.changed())}async openMicrophone(e){this.lease.take();let t=await j.open(this.sound.player.context,Ce(this.host.config),s=>this.sendAudio(s),()=>this.unplugged());if(e!==this.life||!this.lease.isHeld)return t.close();this.microphone=t,this.handsFree&&!this.connection?.isHandsFree&&this.setHandsFree(!0),this.host.changed()}async changeMicrophone(){this.microphone&&(this.closeMicrophone(),await this.openAudio(!0))}closeMicrophone(){this.microphone?.close(),this.microphone=void 0,this.lease.release()}sendAudio(e){let t=this.isHolding||this.tailTimer!==void 0;!this.handsFree&&!t||((this.isAside||this.sound?.isWarmingUp&&!t)&&e.fill(0),this.connection?.sendAudio(e))}heard(e,t){if(this.apply({type:"played",item_id:e.item,ms:e.ms}),!t)return;let s=Math.round(e.ms);this.connection?.send({type:"playback",item_id:e.item,played_ms:s,state:e.state})}receive(e){switch(e.type){case"started":this.phase="on",this.takesImages=e.takes_images,at(this.entity,e.conversation_id),this.player&&this.playAt(this.player),this.tellEarlyTurn(),this.isReady();break;case"speech_started":this.someoneSpeaks=!0,this.sound?.pause();break;case"speech_stopped":this.someoneSpeaks=!1;break;case"false_interruption":this.someoneSpeaks=!1,this.isAside||this.sound?.resume();break;case"interrupted":this.sound?.drop();break;case"audio":if(!this.sound)return this.noSound?.push(e.item_id,e.audio);this.resumeHandsFree(),this.apply({type:"sound",item_id:e.item_id,ms:this.sound.push(e.item_id,e.response_id,e.audio,this.someoneSpeaks)});return;case"audio_done":this.sound?.complete(e.item_id),this.noSound?.complete(e.item_id,e.duration_ms);break;case"turn_done":at(this.entity,this.connection?.conversationId),this.resumeHandsFree();break;case"error":this.problem(e.message,e.can_retry?()=>{this.start(this.handsFree)}:void 0);return;case"ended":this.ended(e);return}this.apply(e)}ended({reason:e,message:t}){let s=this.handsFree,n=()=>{this.start(s)};this.stop();let{say:r}=this.host;e==="taken_over"?this.problem(r("problem_taken"),n):e==="unloaded"?this.problem(r("problem_unavailable"),n):e==="failed"&&(this.apply({type:"status",status:"away"}),this.problem(t||r("problem_service_away"),n))}lost(){this.phase="reconnecting",this.someoneSpeaks=!1,this.sound?.drop(),this.apply({type:"halted"})}refused({code:e,message:t}){let s=this.handsFree;this.phase!=="on"&&this.stop();let n=z(e),{say:r}=this.host;this.problem(t||r(n??"problem_failed",{reason:e}),()=>{this.start(s)}),e==="unavailable"&&this.apply({type:"status",status:"away"})}unplugged(){this.closeMicrophone(),this.problem(this.host.say("problem_unplugged"),()=>{this.start(this.handsFree)})}leaseTaken(){let e=this.handsFree;this.stop(),this.problem(this.host.say("problem_taken"),()=>{this.start(e)})}apply(e){this.conversation=Z(this.conversation,e,Date.now()),this.host.changed()}};function vt(i){return i.sendText?c`<form class="bar" @submit=${e=>As(i,e)}>
    <div class="field">
      <input
        type="text"
        name="text"
        autocomplete="off"
        enterkeyhint="send"
        placeholder=${i.say("type")}
        aria-label=${i.say("type")}
        ?disabled=${i.isDisabled}
      />
      ${i.talk.takesImages?Ss(i):h}
    </div>
    ${li(i)}${ci(i)}
  </form>`:c`${li(i)}${ci(i)}`}function As(i,e){e.preventDefault();let t=e.target,s=di(t);s&&i.sendText(s)}function di(i){let e=i.elements.namedItem("text"),t=e.value.trim();return e.value="",t}function Ss(i){let e=s=>{s.currentTarget.parentElement.querySelector("[type=file]").click()},t=s=>{let n=s.target,r=n.files?.[0];n.value="",r&&i.sendPicture(r,di(n.form))};return c`<button type="button" class="ib" aria-label=${i.say("picture")} title=${i.say("picture")} @click=${e}>
      <ha-icon icon="mdi:camera-outline"></ha-icon></button
    ><input type="file" accept="image/*" hidden aria-hidden="true" tabindex="-1" @change=${t} />`}function li({talk:i,say:e}){if(i.phase!=="on"||!i.hasMicrophone)return h;let t=e(i.isMuted?"unmute":"mute");return c`<button
    type="button"
    class="ib ${i.isMuted?"on":""}"
    aria-label=${t}
    title=${t}
    aria-pressed=${i.isMuted}
    @click=${()=>i.setMuted(!i.isMuted)}
  >
    <ha-icon icon="mdi:microphone-off"></ha-icon>
  </button>`}function ci(i){let{talk:e,say:t}=i;if(!i.isHandsFree&&!i.isBusy)return Es(i);let s=e.phase!=="off"&&e.hasMicrophone&&(e.isHandsFree||e.isHolding),n=i.isBusy||e.phase==="on"&&i.isSpeaking,r=t(n?"stop":s?"end":"start");return c`<button
    type="button"
    class="ib mic ${s||i.isBusy?"live":""}"
    aria-label=${r}
    title=${r}
    ?disabled=${i.isDisabled}
    @click=${i.tap}
  >
    <ha-icon icon=${n?"mdi:stop":"mdi:microphone"}></ha-icon>
  </button>`}function Es({talk:i,say:e,isDisabled:t}){let s=r=>{r.currentTarget.setPointerCapture(r.pointerId),i.hold()},n=({key:r})=>r===" "||r==="Enter";return c`<button
    type="button"
    class="ib mic ${i.isHolding?"live held":""}"
    aria-label=${e("hold")}
    title=${e("hold")}
    aria-pressed=${i.isHolding}
    ?disabled=${t}
    @pointerdown=${s}
    @pointerup=${()=>i.release()}
    @pointercancel=${()=>i.release()}
    @contextmenu=${r=>r.preventDefault()}
    @keydown=${r=>{n(r)&&!r.repeat&&i.hold()}}
    @keyup=${r=>{n(r)&&i.release()}}
  >
    <ha-icon icon="mdi:microphone"></ha-icon>
  </button>`}function hi({say:i,findings:e,isCopied:t,close:s,again:n,copy:r}){return c`<section class="check" aria-label=${i("check_title")}>
    <div class="check-list" role="list" tabindex="0" aria-busy=${!e}>
      ${(e??[]).map(({key:o,value:a,isGood:l})=>c`<div role="listitem" class=${l===!1?"bad":""}>
          <ha-icon
            icon=${l===void 0?"mdi:circle-small":l?"mdi:check-circle-outline":"mdi:alert-circle-outline"}
          ></ha-icon>
          <span>${i(o)}</span><b>${a}</b>
        </div>`)}
    </div>
    <div class="actions">
      <button class="text" ?disabled=${!e} @click=${r}>${i(t?"check_copied":"check_copy")}</button>
      <button class="text" ?disabled=${!e} @click=${n}>${i("check_again")}</button>
      <button class="text" @click=${s}>${i("close")}</button>
    </div>
  </section>`}var pi={ATTRIBUTE:1,CHILD:2,PROPERTY:3,BOOLEAN_ATTRIBUTE:4,EVENT:5,ELEMENT:6},ui=i=>(...e)=>({_$litDirective$:i,values:e}),ze=class{constructor(e){}get _$AU(){return this._$AM._$AU}_$AT(e,t,s){this._$Ct=e,this._$AM=t,this._$Ci=s}_$AS(e,t){return this.update(e,t)}update(e,t){return this.render(...t)}};var{I:Cs}=Bt,mi=i=>i;var fi=()=>document.createComment(""),X=(i,e,t)=>{let s=i._$AA.parentNode,n=e===void 0?i._$AB:e._$AA;if(t===void 0){let r=s.insertBefore(fi(),n),o=s.insertBefore(fi(),n);t=new Cs(r,o,i,i.options)}else{let r=t._$AB.nextSibling,o=t._$AM,a=o!==i;if(a){let l;t._$AQ?.(i),t._$AM=i,t._$AP!==void 0&&(l=i._$AU)!==o._$AU&&t._$AP(l)}if(r!==n||a){let l=t._$AA;for(;l!==r;){let d=mi(l).nextSibling;mi(s).insertBefore(l,n),l=d}}}return t},T=(i,e,t=i)=>(i._$AI(e,t),i),Ms={},gi=(i,e=Ms)=>i._$AH=e,yi=i=>i._$AH,Ve=i=>{i._$AR(),i._$AA.remove()};var vi=(i,e,t)=>{let s=new Map;for(let n=e;n<=t;n++)s.set(i[n],n);return s},bi=ui(class extends ze{constructor(i){if(super(i),i.type!==pi.CHILD)throw Error("repeat() can only be used in text expressions")}dt(i,e,t){let s;t===void 0?t=e:e!==void 0&&(s=e);let n=[],r=[],o=0;for(let a of i)n[o]=s?s(a,o):o,r[o]=t(a,o),o++;return{values:r,keys:n}}render(i,e,t){return this.dt(i,e,t).values}update(i,[e,t,s]){let n=yi(i),{values:r,keys:o}=this.dt(e,t,s);if(!Array.isArray(n))return this.ut=o,r;let a=this.ut??=[],l=[],d,m,p=0,f=n.length-1,u=0,y=r.length-1;for(;p<=f&&u<=y;)if(n[p]===null)p++;else if(n[f]===null)f--;else if(a[p]===o[u])l[u]=T(n[p],r[u]),p++,u++;else if(a[f]===o[y])l[y]=T(n[f],r[y]),f--,y--;else if(a[p]===o[y])l[y]=T(n[p],r[y]),X(i,l[y+1],n[p]),p++,y--;else if(a[f]===o[u])l[u]=T(n[f],r[u]),X(i,n[p],n[f]),f--,u++;else if(d===void 0&&(d=vi(o,u,y),m=vi(a,p,f)),d.has(a[p]))if(d.has(a[f])){let $=m.get(o[u]),Ge=$!==void 0?n[$]:null;if(Ge===null){let _t=X(i,n[p]);T(_t,r[u]),l[u]=_t}else l[u]=T(Ge,r[u]),X(i,n[p],Ge),n[$]=null;u++}else Ve(n[f]),f--;else Ve(n[p]),p++;for(;u<=y;){let $=X(i,l[y+1]);T($,r[u]),l[u++]=$}for(;p<=f;){let $=n[p++];$!==null&&Ve($)}return this.ut=o,gi(i,l),E}});var Ts={alarm_control_panel:"mdi:shield",automation:"mdi:robot",binary_sensor:"mdi:radiobox-blank",button:"mdi:gesture-tap-button",calendar:"mdi:calendar",camera:"mdi:video",climate:"mdi:thermostat",cover:"mdi:window-shutter",fan:"mdi:fan",humidifier:"mdi:air-humidifier",input_boolean:"mdi:toggle-switch-variant",lawn_mower:"mdi:robot-mower",light:"mdi:lightbulb",lock:"mdi:lock",media_player:"mdi:cast",person:"mdi:account",scene:"mdi:palette",script:"mdi:script-text",sensor:"mdi:eye",switch:"mdi:toggle-switch-variant",timer:"mdi:timer-outline",todo:"mdi:clipboard-list",vacuum:"mdi:robot-vacuum",valve:"mdi:pipe-valve",water_heater:"mdi:thermometer",weather:"mdi:weather-partly-cloudy"},Ps={temperature:"mdi:thermometer",humidity:"mdi:water-percent",power:"mdi:flash",energy:"mdi:lightning-bolt",battery:"mdi:battery",motion:"mdi:motion-sensor",door:"mdi:door",window:"mdi:window-closed"},Rs=["on","open","opening","playing","unlocked","cleaning","heat","cool","home"];function wi(i,e){let{icon:t,device_class:s}=i?.attributes??{};return t??Ps[s??""]??Ts[e.split(".")[0]]??"mdi:bookmark"}function xi(i,e){return i?.attributes.friendly_name??e}function _i(i,e){return e?i.formatEntityState?.(e)??e.state:""}function ki(i){return i!==void 0&&Rs.includes(i.state)}function ee(i){let e=i/1e3,t=e<1?2:e<10?1:0;return`${e.toFixed(t)} s`}function $i(i,e){return new Intl.NumberFormat(e).format(i)}function Ai({amount:i,currency:e},t){try{return new Intl.NumberFormat(t,{style:"currency",currency:e,maximumSignificantDigits:i<1?2:3}).format(i)}catch{return`${i.toPrecision(2)} ${e}`}}var Ls={hours:36e5,minutes:6e4,seconds:1e3};function ue(i){if(!i.name.endsWith("HassStartTimer")||i.error||typeof i.arguments!="object"||i.arguments===null)return;let e=i.arguments,t=0;for(let[s,n]of Object.entries(Ls))t+=(Number(e[s])||0)*n;return t?i.calledAt+t:void 0}function qe(i,e){let t=Math.ceil((i-e)/1e3);if(t<=0)return"";let[s,n]=[Math.floor(t/3600),Math.floor(t/60)%60],r=o=>String(o).padStart(2,"0");return s?`${s}:${r(n)}:${r(t%60)}`:`${n}:${r(t%60)}`}var Hs=4;function Si(i){let{conversation:e,say:t,hint:s}=i;return c`<div
    class="talk"
    role="log"
    aria-live=${e.voiced?"off":"polite"}
    aria-label=${t("conversation")}
    tabindex="0"
  >
    ${e.lines.length?bi(e.lines,n=>n.id,n=>Os(i,n)):s&&c`<p class="hint" dir="auto">${s}</p>`}
  </div>`}function Os(i,e){switch(e.kind){case"person":return Fs(i,e);case"reply":return e.text?Is(i,e):h;case"tool":return Ns(i,e)}}function Fs({say:i},e){return c`<div class="bubble person ${e.final?"":"growing"}">
    <span class="sr">${i("you")}: </span>
    ${e.picture?c`<img src=${e.picture} alt=${i("picture_of_yours")} />`:h}
    <span class="words" dir="auto">${e.text}</span>${e.final?h:c`<i class="dots" aria-hidden="true"></i>`}
  </div>`}function Is({say:i},e){let[t,s]=Ne(e),n=e.cutMs!==void 0;return c`<div class="bubble reply">
    <span class="sr">${i("assistant")}: </span
    ><span class="words" dir="auto">${t}<span class="unheard">${s}</span></span
    >${n?c`<span class="cut" title="${i("cut_at")} ${ee(e.cutMs)}"></span>`:h}
  </div>`}function Ns(i,e){let{say:t}=i,s=e.ms===void 0,n=e.entities.slice(0,Hs),r=e.entities.length-n.length,o=s?t("tool_running"):ee(e.ms);return!n.length||e.error?c`<div class="did ${e.error?"failed":""} ${s?"running":""}">
      <span class="icon"
        ><ha-icon icon=${e.error?"mdi:alert-circle-outline":ue(e)?"mdi:timer-outline":"mdi:auto-fix"}></ha-icon
      ></span>
      <span class="what"><b>${e.title??Ds(e.name)}</b> ${Us(i,e)}</span>
      <span class="time">${o}</span>
    </div>`:c`${n.map((a,l)=>{let d=l===n.length-1;return Bs(i,a,d?o:"",d&&r>0?`+${r}`:"")})}`}function Us({say:i},e){let t=ue(e);if(t!==void 0){let s=qe(t,Date.now());return s?i("timer_left",{time:s}):i("timer_over")}return e.error?i("tool_failed"):e.ms===void 0?"":i("tool_done")}function Bs({hass:i,showEntity:e},t,s,n){let r=i.states[t];return c`<button class="did" @click=${()=>e(t)}>
    <span class="icon ${ki(r)?"active":""} ${t.split(".")[0]}"
      ><ha-icon icon=${wi(r,t)}></ha-icon
    ></span>
    <span class="what"><b>${xi(r,t)}</b> ${_i(i,r)}</span>
    ${n?c`<span class="more">${n}</span>`:h}
    <span class="time">${s}</span>
  </button>`}function Ds(i){let e=i.replace(/^.*__/,"").replace(/^Hass/,"").replace(/([a-z])([A-Z])/g,"$1 $2").replaceAll("_"," ").toLowerCase().trim();return e?e[0].toUpperCase()+e.slice(1):i}function Ei({numbers:i,steps:e,lines:t,interrupted:s,voiced:n},r,o,a){let l=s?t.findLast(p=>p.kind==="reply"):void 0,d=l?.kind==="reply"?l.cutMs:void 0,m=[d!==void 0?c`<span>${r("cut_at")} <b>${(d/1e3).toFixed(2)} s</b>, ${r("what_you_heard")}</span>`:h,i.firstSoundMs!==void 0?c`<span>${r(n?"first_sound":"first_word")} <b>${ee(i.firstSoundMs)}</b></span>`:h,i.tokens!==void 0?c`<span><b>${$i(i.tokens,o)}</b> ${r("tokens")}</span>`:h,i.cost?c`<span><b>${Ai(i.cost,o)}</b></span>`:h].filter(p=>p!==h);return!m.length&&!e.length?h:e.length?c`<button class="foot" aria-expanded=${a.isOpen} @click=${a.toggle}>
      ${m}
      <ha-icon class="unfold" icon="mdi:chart-gantt" title=${r("waterfall")}></ha-icon>
      <span class="sr">${r("waterfall")}</span>
    </button>
    ${a.isOpen?zs(e,r):h}`:c`<div class="foot">${m}</div>`}function zs(i,e){let t=Math.min(...i.map(n=>n.start_ms)),s=Math.max(1,Math.max(...i.map(n=>n.end_ms))-t);return c`<div class="fall" role="list" aria-label=${e("waterfall")}>
    ${i.map(({name:n,start_ms:r,end_ms:o})=>{let a=(r-t)/s*100,l=(o-r)/s*100;return c`<div role="listitem">
        <span>${e(`step_${n}`)}</span>
        <span class="track"
          ><span class="step ${n}" style="inset-inline-start:${a.toFixed(1)}%;width:${l.toFixed(1)}%"></span
        ></span>
        <span class="time">${ee(o-r)}</span>
      </div>`})}
  </div>`}function Vs(i,e){let{icon:t,label:s,usual:n,options:r,chosen:o}=e,a=i.opened===s,l=(d,m)=>c`<button
      role="menuitemradio"
      aria-checked=${d===o}
      @click=${()=>{i.close(),e.choose(d)}}
    >
      <ha-icon icon=${d===o?"mdi:radiobox-marked":"mdi:radiobox-blank"}></ha-icon>${m}
    </button>`;return c`<button role="menuitem" aria-expanded=${a} @click=${()=>i.open(a?void 0:s)}>
      <ha-icon icon=${t}></ha-icon>${s}
    </button>
    ${a?c`<div class="options" role="group" aria-label=${s}>
          ${l(void 0,n)}${r.map(({id:d,name:m})=>l(d,m))}
        </div>`:h}`}function Ci(i){let e=(t,s,n)=>c`<button
      role="menuitem"
      @click=${()=>{i.close(),n()}}
    >
      <ha-icon icon=${t}></ha-icon>${i.say(s)}
    </button>`;return c`<div class="menu" role="menu" aria-label=${i.say("menu")}>
    ${i.canStartAnew?e("mdi:chat-plus-outline","menu_new",i.startAnew):h}
    ${i.choices.filter(({options:t})=>t.length).map(t=>Vs(i,t))}
    ${e("mdi:stethoscope","menu_check",i.check)}
    ${e("mdi:information-outline","menu_settings",i.showAssistant)}
  </div>`}var We=class{constructor(e,t,s){this.host=e;this.entity=t;this.satellite=s;this.conversation=M(!1);this.isShown=!0}start(){this.unsubscribe||(this.unsubscribe=this.host.hass.connection.subscribeMessage(e=>this.receive(e),{type:`${k}/watch`,entity_id:this.entity}),this.unsubscribe.catch(e=>this.refused(e)))}stop(){this.unsubscribe?.then(e=>e()).catch(()=>{}),this.unsubscribe=void 0}retry(){this.stop(),this.apply({type:"problem_solved"}),this.start()}receive(e){e.type==="turn_started"&&this.satellite&&(this.isShown=e.source.entity_id===this.satellite),e.type==="error"?this.apply({type:"problem",message:e.message,canRetry:!1}):e.type!=="audio"&&(this.isShown||e.type==="started")&&this.apply(e)}refused({code:e,message:t}){this.unsubscribe=void 0;let s=z(e),{say:n}=this.host;this.apply({type:"problem",message:s?n(s):n("problem_failed",{reason:t||e}),canRetry:!0})}apply(e){this.conversation=Z(this.conversation,e,Date.now()),this.host.changed()}};var v=class extends w{constructor(){super(...arguments);this.isMenuOpen=!1;this.microphones=[];this.isFallOpen=!1;this.isExpanded=!1;this.isChecking=!1;this.isCopied=!1;this.talk=new Q(this);this.isAtEnd=!0;this.keyDown=t=>{t.key==="Escape"&&this.openMenu(!1);let s=t.composedPath()[0];t.key!==" "||s instanceof HTMLInputElement||s instanceof HTMLButtonElement||(t.preventDefault(),!(t.repeat||this.watch||this.obstacle)&&this.talk.hold())};this.keyUp=t=>{t.key===" "&&this.talk.release()}}static{this.styles=oi}static getConfigForm(){return Ee(document.documentElement.lang||"en")}static getStubConfig(t){return Me(t)}setConfig(t){Te(t);let s=this.config&&(t.entity!==this.config.entity||t.watch!==this.config.watch);this.config=t,s&&(this.talk.stop(),this.talk=new Q(this),this.watch?.stop(),this.watch=void 0,this.screen?.stop(),this.screen=void 0)}getCardSize(){return{full:9,compact:2,button:1}[this.size]}getGridOptions(){return this.size==="button"?{columns:6,rows:1,min_columns:4}:this.size==="compact"?{columns:12,rows:"auto",min_columns:6}:{columns:12,rows:8,min_columns:6,min_rows:5}}get say(){return D(this.config?.language||this.language)}changed(){this.requestUpdate()}connectedCallback(){super.connectedCallback(),this.talk=si(this.key,this)??this.talk,this.hasUpdated&&(this.watch?.start(),this.screen?.start()),window.addEventListener("keyup",this.keyUp)}disconnectedCallback(){super.disconnectedCallback(),window.removeEventListener("keyup",this.keyUp),window.clearInterval(this.clock),this.clock=void 0,this.watch?.stop(),this.screen?.stop(),ii(this.key,this.talk),this.talk=new Q(this)}get key(){return JSON.stringify(this.config)}get size(){return this.config?.size??"full"}get language(){return this.hass?.locale?.language??this.hass?.language??"en"}get conversation(){return(this.watch??this.shownScreen??this.talk).conversation}get shownScreen(){return this.talk.phase==="off"&&this.screen?.isShown?this.screen:void 0}get isHandsFree(){return this.config.hands_free??!0}get name(){let{entity:t,name:s,watch:n}=this.config,r=typeof n=="string"?n:t;return s||this.conversation.name||this.hass.states[r??""]?.attributes.friendly_name||this.say("talk")}get obstacle(){let{entity:t}=this.config;return t?this.hass.states[t]?.state==="unavailable"?this.say("problem_unavailable"):this.hass.states[t]?void 0:this.say("problem_not_found"):this.say("problem_missing")}get orbState(){let{status:t}=this.conversation;return this.obstacle&&this.talk.phase==="off"?"away":this.watch||this.shownScreen?t:this.talk.phase==="off"?t==="away"?"away":"idle":this.talk.phase!=="on"?"thinking":this.talk.isHolding||t==="idle"&&this.talk.hasMicrophone&&this.talk.isHandsFree?"listening":t}get stateText(){let{status:t,interrupted:s}=this.conversation,{talk:n,say:r}=this;return this.watch||this.shownScreen?r(`status_${t}`):this.orbState==="away"?r("status_away"):n.phase!=="on"?r(`status_${n.phase}`):s?r("status_interrupted"):n.isMuted&&this.orbState==="listening"?r("status_muted"):this.orbState==="idle"&&n.hasMicrophone?r("status_hold"):r(`status_${this.orbState}`)}shouldUpdate(t){if(!this.hass||!this.config)return!1;let s=t.get("hass");return t.size!==1||!s||this.concerns(s)}concerns(t){let{hass:s,config:n,conversation:r}=this;if(t.language!==s.language||t.locale!==s.locale||t.themes!==s.themes)return!0;let o=[n.entity??""];for(let a of r.lines)a.kind==="tool"&&o.push(...a.entities);return o.some(a=>t.states[a]!==s.states[a])}willUpdate(){let{watch:t,entity:s}=this.config;t&&s&&!this.watch&&(this.watch=new We(this,s,typeof t=="string"?t:void 0),this.watch.start()),this.updateScreen(),this.talk.phase!=="off"&&this.screen?.hide();let n=this.log;this.isAtEnd=!n||n.scrollHeight-n.scrollTop-n.clientHeight<48}updateScreen(){let{entity:t}=this.config,s=this.preview?"":this.config.screen?.trim();this.screen?.name===(s||void 0)&&(!s||this.screen?.entity===t)||(this.screen?.stop(),this.screen=void 0,!(!s||!t)&&(this.screen=new Ue(this,t,s,new Oe(()=>Ce(this.config))),this.screen.start()))}setTalkAside(t){this.talk.setAside(t)}endTalk(){this.talk.stop()}updated(){this.log&&this.isAtEnd&&(this.log.scrollTop=this.log.scrollHeight),this.dialog&&!this.dialog.open&&this.dialog.showModal(),this.runClock()}runClock(){let t=Date.now(),s=this.conversation.lines.some(n=>{let r=n.kind==="tool"?ue(n):void 0;return r!==void 0&&qe(r,t)!==""});s&&this.clock===void 0&&(this.clock=window.setInterval(()=>this.changed(),1e3)),!s&&this.clock!==void 0&&(window.clearInterval(this.clock),this.clock=void 0)}render(){switch(this.size){case"compact":return c`${this.renderRow()}${this.renderDialog()}`;case"button":return c`${this.renderPill()}${this.renderDialog()}`;default:return this.renderFull()}}renderFull(){let{conversation:t,say:s,hass:n}=this,r=["full",this.orbState,t.lines.length||this.isChecking?"talking":"",this.watch?"watching":""];return c`<ha-card class=${r.join(" ")} @keydown=${this.keyDown} tabindex="-1">
      <div class="head">
        <h2 class="name">${this.name}</h2>
        <span class="state" role="status"><span class="dot"></span>${this.stateText}</span>
        ${this.renderHeadButton()}
      </div>
      ${this.isMenuOpen?this.renderMenu():h}
      <div class="stage">${this.renderOrb()}</div>
      ${this.isChecking?this.renderCheck():c`
            ${this.watch?.conversation.source?this.renderSource():h}
            ${Si({hass:n,say:s,conversation:t,hint:this.hint,showEntity:o=>nt(this,o)})}
            ${this.renderProblem()}
            ${Ei(t,s,this.language,{isOpen:this.isFallOpen,toggle:()=>this.isFallOpen=!this.isFallOpen})}
            ${this.watch?h:this.renderBar()}
          `}
    </ha-card>`}get hint(){return this.obstacle||this.conversation.problem?"":this.watch?this.say("hint_watch"):this.talk.phase==="on"&&this.talk.hasMicrophone&&this.talk.isHandsFree?this.say("hint_talking"):this.say(this.isHandsFree?"hint_tap":"hint_hold")}renderOrb(){return c`<azure-realtime-audio-orb
      state=${this.orbState}
      .levels=${()=>(this.screen?.isBusy?this.screen:this.talk).levels}
    ></azure-realtime-audio-orb>`}renderHeadButton(){let{say:t}=this,[s,n,r]=this.isExpanded?["mdi:close",t("close"),()=>this.collapse()]:["mdi:dots-vertical",t("menu"),()=>this.openMenu(!this.isMenuOpen)],o=!this.isExpanded;return c`<button
      class="ib"
      aria-label=${n}
      aria-haspopup=${o?"menu":h}
      aria-expanded=${o?this.isMenuOpen:h}
      @click=${r}
    >
      <ha-icon icon=${s}></ha-icon>
    </button>`}openMenu(t){this.isMenuOpen=t,this.openedChoice=void 0,t&&!this.watch&&Jt().then(s=>this.microphones=s)}get choices(){let{say:t}=this;return[{icon:"mdi:speaker",label:t("menu_output"),usual:t("output_here"),options:zt(this.hass),chosen:this.talk.player,choose:s=>this.talk.playAt(s)},{icon:"mdi:microphone-settings",label:t("menu_microphone"),usual:t("microphone_usual"),options:this.microphones,chosen:Ae(),choose:s=>{Wt(s),this.talk.changeMicrophone()}}]}renderMenu(){return Ci({say:this.say,canStartAnew:!this.watch,startAnew:()=>{this.screen?.hide(),this.talk.startAnew()},check:()=>{this.runCheck()},showAssistant:()=>nt(this,this.config.entity??""),choices:this.watch?[]:this.choices,opened:this.openedChoice,open:t=>this.openedChoice=t,close:()=>this.openMenu(!1)})}renderSource(){let t=this.watch.conversation.source,s=this.hass.states[t.entity_id??""]?.attributes.friendly_name,n=t.name||s,r=n?this.say("turn_at",{name:n}):this.say(`turn_${t.kind}`);return c`<p class="hint" dir="auto">${r}</p>`}renderCheck(){return hi({say:this.say,findings:this.findings,isCopied:this.isCopied,close:()=>this.isChecking=!1,again:()=>{this.runCheck()},copy:()=>{this.copyReport()}})}renderProblem(){let{say:t,talk:s}=this;if(s.isSilenced&&!this.watch)return je(t("problem_silenced"),t("wake"),()=>{s.wake()});let{problem:n}=this.conversation;if(n){let r=()=>(this.watch??this.shownScreen??s).retry();return n.canRetry?je(n.message,t("retry"),r):je(n.message,t("dismiss"),()=>(this.shownScreen??s).solve())}return this.obstacle?je(this.obstacle):h}renderBar(){let{say:t,talk:s}=this;return vt({say:t,talk:s,isHandsFree:this.isHandsFree,isDisabled:this.obstacle!==void 0&&s.phase==="off",isSpeaking:this.conversation.status==="speaking",isBusy:this.screen?.isBusy??!1,tap:()=>this.tap(),sendText:n=>{s.sendText(n)},sendPicture:(n,r)=>{this.sendPicture(n,r)}})}renderRow(){let{say:t,talk:s,conversation:n}=this,{problem:r}=n,o=this.obstacle??r?.message;return c`<ha-card class="row ${this.orbState}" @keydown=${this.keyDown} tabindex="-1">
      ${this.renderOrb()}
      <button class="summary" aria-label="${this.name}: ${t("expand")}" @click=${()=>this.isExpanded=!0}>
        <span class="name">${this.name}</span>
        <span class="last ${o?"bad":""}" dir="auto">${o??(qs(n)||this.stateText)}</span>
      </button>
      <span class="sr" role="status">${o??this.stateText}</span>
      ${this.watch?h:vt({say:t,talk:s,isHandsFree:this.isHandsFree,isDisabled:this.obstacle!==void 0&&s.phase==="off",isSpeaking:n.status==="speaking",isBusy:this.screen?.isBusy??!1,tap:()=>this.tap()})}
    </ha-card>`}renderPill(){let{say:t,talk:s}=this,n=s.phase==="off"?this.config.name||t("talk"):this.stateText,r=this.conversation.problem?.message??n;return c`<ha-card class="pill ${this.orbState}" @keydown=${this.keyDown}>
      <button
        aria-label="${this.name}: ${r}"
        title=${this.obstacle??h}
        ?disabled=${this.obstacle!==void 0}
        @click=${()=>this.tap()}
      >
        ${this.renderOrb()}<span>${r}</span>
      </button>
      <span class="sr" role="status">${s.phase==="off"?"":r}</span>
    </ha-card>`}renderDialog(){return this.isExpanded?c`<dialog
      aria-label=${this.name}
      @close=${()=>this.isExpanded=!1}
      @click=${t=>t.target===this.dialog&&this.collapse()}
    >
      ${this.renderFull()}
    </dialog>`:h}collapse(){this.dialog?.close(),this.isExpanded=!1}tap(){let{talk:t}=this;this.screen?.isBusy?this.screen.halt():t.phase==="on"&&this.conversation.status==="speaking"?t.interrupt():t.phase==="off"||!t.hasMicrophone?t.start(!0):t.isHandsFree?t.stop():t.setHandsFree(!0)}async sendPicture(t,s){try{await this.talk.sendPicture(await ni(t),s)}catch{this.talk.problem(this.say("problem_picture"))}}async runCheck(){this.isChecking=!0,this.isCopied=!1,this.findings=void 0,this.findings=await ei(this.hass,this.config.entity??"",this.say)}async copyReport(){let t=ti(this.findings??[],this.say);await navigator.clipboard.writeText(t).then(()=>this.isCopied=!0,()=>window.prompt(this.say("check_copy"),t))}};g([_({attribute:!1})],v.prototype,"hass",2),g([_({reflect:!0})],v.prototype,"layout",2),g([_({attribute:!1})],v.prototype,"preview",2),g([x()],v.prototype,"config",2),g([x()],v.prototype,"isMenuOpen",2),g([x()],v.prototype,"openedChoice",2),g([x()],v.prototype,"microphones",2),g([x()],v.prototype,"isFallOpen",2),g([x()],v.prototype,"isExpanded",2),g([x()],v.prototype,"isChecking",2),g([x()],v.prototype,"findings",2),g([x()],v.prototype,"isCopied",2),g([N(".talk")],v.prototype,"log",2),g([N("dialog")],v.prototype,"dialog",2);function je(i,e,t){return c`<div class="problem" role="alert">
    <span dir="auto">${i}</span>${e?c`<button class="text" @click=${t}>${e}</button>`:h}
  </div>`}function qs({lines:i}){let e=i.findLast(t=>t.kind!=="tool"&&t.text);return!e||e.kind==="tool"?"":e.kind==="person"?e.text:Ne(e)[0]||e.text}var Ws=43,js=59,bt=60,Ks=30,C=class extends w{constructor(){super(...arguments);this.state="idle";this.levels=()=>({person:0,reply:0});this.frame=0;this.lastFrame=0;this.person=0;this.reply=0;this.isVisible=!0;this.calm=matchMedia("(prefers-reduced-motion: reduce)");this.drawFrame=t=>{if(this.frame=0,!this.isVisible)return;if(t-this.lastFrame>=Ks){this.lastFrame=t;let{person:n,reply:r}=this.levels();this.person=Mi(this.person,this.state==="listening"?.12+Ti(n):0),this.reply=Mi(this.reply,this.state==="speaking"?.25+Ti(r):0),this.draw(t/1e3)}(this.person+this.reply>.005||this.state==="listening"||this.state==="speaking")&&this.wake()}}static{this.styles=P`
    :host {
      display: block;
      aspect-ratio: 1;
      --hear: var(--primary-color, #03a9f4);
      --voice: var(--azure-realtime-audio-voice-color, #7c5cff);
      --tone: var(--hear);
    }
    :host([state="thinking"]),
    :host([state="speaking"]) {
      --tone: var(--voice);
    }
    svg {
      display: block;
      width: 100%;
      height: 100%;
      overflow: visible;
    }
    svg * {
      transition:
        opacity 0.45s ease,
        transform 0.45s ease,
        fill 0.45s ease,
        stroke 0.45s ease,
        stop-color 0.45s ease;
    }
    .light {
      stop-color: color-mix(in srgb, var(--tone) 10%, white);
    }
    .tone {
      stop-color: color-mix(in srgb, var(--tone) 78%, white);
    }
    .deep {
      stop-color: color-mix(in srgb, var(--tone) 82%, black);
    }
    .glow-in {
      stop-color: var(--tone);
      stop-opacity: 0.34;
    }
    .glow-out {
      stop-color: var(--tone);
      stop-opacity: 0;
    }
    .glow {
      opacity: 0.55;
    }
    .aura {
      fill: var(--tone);
      opacity: 0.08;
    }
    .ring {
      fill: none;
      stroke: var(--hear);
      stroke-width: 2.4;
      stroke-linejoin: round;
      opacity: 0;
    }
    .arcs,
    .dashes {
      fill: none;
      stroke-width: 4;
      stroke-linecap: round;
      opacity: 0;
    }
    .track {
      stroke: var(--voice);
      stroke-opacity: 0.14;
    }
    .long {
      stroke: var(--voice);
    }
    .short {
      stroke: var(--hear);
    }
    .dashes {
      stroke: var(--secondary-text-color, #727272);
      stroke-width: 2.5;
      stroke-dasharray: 4 7.3;
    }
    :host([state="idle"]) .whole {
      animation: breathe 5.5s ease-in-out infinite;
    }
    :host([state="idle"]) .body {
      opacity: 0.86;
    }
    :host([state="listening"]) .ring {
      opacity: 0.9;
    }
    :host([state="listening"]) .aura {
      opacity: 0.13;
    }
    :host([state="thinking"]) .arcs {
      opacity: 1;
    }
    :host([state="thinking"]) .spin {
      animation: travel 1.6s linear infinite;
    }
    :host([state="thinking"]) .body {
      transform: scale(0.94);
    }
    :host([state="thinking"]) .aura {
      opacity: 0;
    }
    :host([state="speaking"]) .aura {
      opacity: 0.16;
    }
    :host([state="speaking"]) .glow {
      opacity: 1;
    }
    :host([state="speaking"]) .body {
      transform: scale(1.1);
    }
    :host([state="away"]) .dashes {
      opacity: 0.85;
    }
    :host([state="away"]) :is(.body, .aura, .glow) {
      opacity: 0;
      transform: scale(0.8);
    }
    @keyframes breathe {
      50% {
        transform: scale(1.045);
      }
    }
    @keyframes travel {
      to {
        transform: rotate(360deg);
      }
    }
    @media (prefers-reduced-motion: reduce) {
      svg * {
        transition: none;
        animation: none !important;
      }
    }
  `}connectedCallback(){super.connectedCallback(),this.observer=new IntersectionObserver(([t])=>{this.isVisible=t?.isIntersecting??!0,this.wake()}),this.observer.observe(this)}disconnectedCallback(){super.disconnectedCallback(),this.observer?.disconnect(),cancelAnimationFrame(this.frame),this.frame=0}render(){return c`<svg viewBox="-80 -80 160 160" aria-hidden="true">
      <defs>
        ${It`<radialGradient id="core" cx="36%" cy="28%" r="78%">
          <stop class="light" offset="0"/><stop class="tone" offset=".38"/><stop class="deep" offset="1"/>
        </radialGradient>
        <radialGradient id="glow">
          <stop class="glow-in" offset=".35"/><stop class="glow-out" offset="1"/>
        </radialGradient>`}
      </defs>
      <g class="whole">
        <circle class="glow" r="80" fill="url(#glow)"></circle>
        <path class="aura"></path>
        <path class="ring"></path>
        <g class="arcs">
          <circle class="track" r="60"></circle>
          <g class="spin">
            <path class="long" d="M0-60A60 60 0 0 1 57-19"></path>
            <path class="short" d="M-49 35A60 60 0 0 1-59 10"></path>
          </g>
        </g>
        <circle class="dashes" r="43"></circle>
        <path class="body" fill="url(#core)"></path>
      </g>
    </svg>`}updated(t){t.has("state")&&(this.calm.matches?this.drawStill():this.wake())}wake(){this.frame||!this.isVisible||!this.isConnected||this.calm.matches||(this.frame=requestAnimationFrame(this.drawFrame))}drawStill(){this.person=this.state==="listening"?.5:0,this.reply=this.state==="speaking"?.6:0,this.draw(1)}draw(t){let{person:s,reply:n}=this,r=l=>Ws+n*(4.2*Math.sin(2*l+1.3*t)+3.4*Math.sin(3*l-1.9*t+2)+1.6*Math.sin(5*l+2.7*t)+3),o=l=>js+s*(5*Math.sin(6*l+1.7*t)*Math.sin(2*l-.6*t)+3.4*Math.sin(11*l-2.3*t)*Math.sin(3*l+.9*t)+2.5);this.body.setAttribute("d",wt(r)),this.ring.setAttribute("d",wt(o));let a=this.state==="speaking"||n>s?l=>r(l-.12)*1.16+5:o;this.aura.setAttribute("d",wt(l=>a(l)+4))}};g([_({reflect:!0})],C.prototype,"state",2),g([_({attribute:!1})],C.prototype,"levels",2),g([N(".body")],C.prototype,"body",2),g([N(".ring")],C.prototype,"ring",2),g([N(".aura")],C.prototype,"aura",2);function Mi(i,e){return i+(e-i)*(e>i?.45:.13)}function Ti(i){return Math.min(1,Math.sqrt(i)*1.9)}function wt(i){let e=[];for(let n=0;n<bt;n++){let r=n/bt*2*Math.PI,o=i(r);e.push([o*Math.cos(r),o*Math.sin(r)])}let t=([n,r],[o,a])=>`${((n+o)/2).toFixed(1)} ${((r+a)/2).toFixed(1)}`,s=`M${t(e.at(-1),e[0])}`;return e.forEach((n,r)=>{s+=`Q${n[0].toFixed(1)} ${n[1].toFixed(1)} ${t(n,e[(r+1)%bt])}`}),`${s}Z`}function xt(i,e){customElements.get(i)||customElements.define(i,e)}function Pi(i,e){i.some(({type:t})=>t===e.type)||i.push(e)}xt(Kt,C);xt(U,v);xt(lt,V);var Ke=D(document.documentElement.lang||navigator.language);Pi(window.customCards??=[],{type:U,name:Ke("card_name"),description:Ke("card_description"),preview:!0,getEntitySuggestion:(i,e)=>$e(i,e)?{config:{type:`custom:${U}`,entity:e}}:null});Pi(window.customBadges??=[],{type:lt,name:Ke("badge_name"),description:Ke("badge_description"),preview:!0});
/*! Bundled license information:

@lit/reactive-element/css-tag.js:
  (**
   * @license
   * Copyright 2019 Google LLC
   * SPDX-License-Identifier: BSD-3-Clause
   *)

@lit/reactive-element/reactive-element.js:
lit-html/lit-html.js:
lit-element/lit-element.js:
@lit/reactive-element/decorators/custom-element.js:
@lit/reactive-element/decorators/property.js:
@lit/reactive-element/decorators/state.js:
@lit/reactive-element/decorators/event-options.js:
@lit/reactive-element/decorators/base.js:
@lit/reactive-element/decorators/query.js:
@lit/reactive-element/decorators/query-all.js:
@lit/reactive-element/decorators/query-async.js:
@lit/reactive-element/decorators/query-assigned-nodes.js:
lit-html/directive.js:
lit-html/directives/repeat.js:
  (**
   * @license
   * Copyright 2017 Google LLC
   * SPDX-License-Identifier: BSD-3-Clause
   *)

lit-html/is-server.js:
  (**
   * @license
   * Copyright 2022 Google LLC
   * SPDX-License-Identifier: BSD-3-Clause
   *)

@lit/reactive-element/decorators/query-assigned-elements.js:
  (**
   * @license
   * Copyright 2021 Google LLC
   * SPDX-License-Identifier: BSD-3-Clause
   *)

lit-html/directive-helpers.js:
  (**
   * @license
   * Copyright 2020 Google LLC
   * SPDX-License-Identifier: BSD-3-Clause
   *)
*/
